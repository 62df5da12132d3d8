// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import ExtProcTesting
import Foundation
import Testing

@testable import Basic

@Suite("ExtProcClient", .timeLimit(.minutes(2)))
struct ExtProcClientTests {
  /// Runs the client; returns its exit code, and what it prints line by line.
  private func run(_ arguments: [String], input: String? = nil) async throws -> (status: Int32, lines: [String]) {
    let process: ChildProcess
    if let input {
      let program = Bundle.main.executableURL!.deletingLastPathComponent().appending(path: "ExtProcClient").path
      process = try ChildProcess("/bin/sh", ["-c", #"printf %s "$0" | "$@""#, input, program] + arguments)
    } else {
      process = try ExampleProcess.start("ExtProcClient", arguments)
    }
    let status = await process.exitStatus
    return (status, process.output.split(separator: "\n").map(String.init))
  }

  private func withBasic(_ body: (RunningServer) async throws -> Void) async throws {
    try await withRunningServer(Basic(), body)
  }

  private static let replaced: JSONValue = [
    "requestBody": ["response": ["bodyMutation": ["body": .string(Data("replaced-body".utf8).base64EncodedString())]]]
  ]
  private static let cleared: JSONValue = ["responseBody": ["response": ["bodyMutation": ["clearBody": true]]]]

  @Test("all four events on one stream are answered in order")
  func events() async throws {
    try await withBasic { server in
      let events = [
        #"{"requestHeaders": {}}"#, #"{"responseHeaders": {}}"#, #"{"requestBody": {}}"#, #"{"responseBody": {}}"#,
      ]
      let address = server.addresses.plaintext!.description
      let (status, lines) = try await run([address] + events.flatMap { ["-d", $0] })
      #expect(status == 0 && lines.count == 4, "\(lines)")
      let answers = try lines.map { try JSONValue(parsing: $0) }
      let set = answers[0]["requestHeaders"]?["response"]?["headerMutation"]?["setHeaders"]?.array ?? []
      #expect(set.map { $0["header"]?["key"] } == [":authority", ":path", "header-request"])
      let response = answers[1]["responseHeaders"]?["response"]?["headerMutation"]?["setHeaders"]
      #expect(response?[0]?["header"]?["key"] == "hello")
      #expect(answers[2] == Self.replaced && answers[3] == Self.cleared)
    }
  }

  @Test("a message that asks nothing gets no answer")
  func nothing() async throws {
    try await withBasic { server in
      let (status, lines) = try await run([server.addresses.plaintext!.description, "--data", "{}"])
      #expect(status == 0 && lines == [])
    }
  }

  @Test("TLS trusts the certificates that are given, or any")
  func tls() async throws {
    try await withBasic { server in
      let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).pem")
      defer { try? FileManager.default.removeItem(at: file) }
      try Data(server.addresses.certificateChain).write(to: file)
      let port = server.addresses.secure!.description.split(separator: ":").last!
      for trust in [["--cert", file.path], ["--insecure"]] {
        let (status, lines) = try await run(["localhost:\(port)", "-d", #"{"requestBody": {}}"#] + trust)
        #expect(status == 0 && lines.count == 1, "\(lines)")
        #expect(try JSONValue(parsing: lines[0]) == Self.replaced)
      }
    }
  }

  @Test(
    "messages come from a file or from standard input: an array, or one a line",
    arguments: [#"[{"requestBody": {}}, {"responseBody": {}}]"#, "{\"requestBody\": {}}\n{\"responseBody\": {}}\n"],
    [true, false])
  func input(text: String, fromFile: Bool) async throws {
    try await withBasic { server in
      let address = server.addresses.plaintext!.description
      let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).json")
      defer { try? FileManager.default.removeItem(at: file) }
      try Data(text.utf8).write(to: file)
      let (status, lines) = try await fromFile ? run([address, file.path]) : run([address, "-"], input: text)
      #expect(status == 0, "\(lines)")
      #expect(try lines.map { try JSONValue(parsing: $0) } == [Self.replaced, Self.cleared])
    }
  }

  @Test(
    "what is wrong is said in one line",
    arguments: [
      (["-d", #"{"requestHeaders"}"#], "no JSON: expected ':' at byte 17"),
      (["-d", #"{"noSuchField": {}}"#], "noSuchField"),
      (["/none/messages.json"], "/none/messages.json"),
      (["-d", #"{"requestBody": {}}"#, "--cert", "/none/chain.pem"], "/none/chain.pem"),
      (["-d", #"{"requestBody": {}}"#, "--insecure"], "TLS"),
      ([], "no messages"),
    ] as [([String], String)])
  func errors(arguments: [String], words: String) async throws {
    try await withBasic { server in
      let (status, lines) = try await run([server.addresses.plaintext!.description] + arguments)
      #expect(status != 0, "\(lines)")
      #expect(lines.first?.hasPrefix("Error: ") == true && lines.first?.contains(words) == true, "\(lines)")
    }
  }

  @Test("a server that is not there is said")
  func noServer() async throws {
    let (status, lines) = try await run(["unix:/none/server.sock", "-d", "{}"])
    #expect(status != 0 && lines.count == 1 && lines[0].contains("cannot connect"), "\(lines)")
  }
}
