// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Testing

@testable import CalloutBench

@Suite("callout-bench's options")
struct OptionTests {
  @Test(
    "what cannot be is refused, and the message names the option",
    arguments: [
      (["a:1", "-c", "0"], "--connections 0"), (["a:1", "-s", "0"], "--streams 0"),
      (["a:1", "--rate", "0"], "--rate"), (["a:1", "-d", "0"], "--duration"),
      (["a:1", "-n", "5", "-d", "5"], "--exchanges or --duration"), (["a:1", "-i"], "need --tls"),
      (["a:1", "--body-size=-1"], "0 bytes"), (["a:1", "--body-mode", "x"], "'buffered', 'streamed' or 'full-duplex'"),
      (["a:1", "--message", "f", "-H", "a: b"], "--message replaces"), (["a"], "target"), ([], "target"),
    ])
  func refused(arguments: [String], because reason: String) {
    do {
      _ = try CalloutBench.parse(arguments)
      Issue.record("taken: \(arguments)")
    } catch {
      let message = CalloutBench.message(for: error)
      #expect(message.contains(reason), "\(message)")
      #expect(CalloutBench.exitCode(for: error) == .validationFailure)
    }
  }

  @Test("a header without a colon, and a file that is not there, are refused when it runs")
  func atRun() async throws {
    for arguments in [["127.0.0.1:1", "-H", "nothing"], ["127.0.0.1:1", "--message", "/nonexistent"]] {
      let command = try CalloutBench.parse(arguments)
      await #expect(throws: ValidationError.self) { try await command.run() }
    }
  }
}
