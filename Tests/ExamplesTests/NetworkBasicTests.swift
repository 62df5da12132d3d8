// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Logging
import NetworkExtProc
import Testing

@testable import NetworkBasic

@Suite("NetworkBasic")
struct NetworkBasicTests {
  @Test("lets both directions pass and logs their sizes; the bytes themselves only at the level trace")
  func logs() async throws {
    for level in [Logger.Level.debug, .trace] {
      let log = LogRecorder(level: level)
      let harness = NetworkHarness(NetworkBasic(), logger: log.logger)
      let read = try await harness.reply(to: .readData("hello"))
      #expect(read.readData.data == .init("hello".utf8))
      let write = try await harness.reply(to: .writeData("welcome", endOfStream: true))
      #expect(write.writeData.data == .init("welcome".utf8))
      #expect(write.writeData.endOfStream)
      await harness.end()
      let lines = log.entries.map { "\($0.message) \($0.metadata["bytes"] ?? "") \($0.metadata["data"] ?? "")" }
      #expect(lines.contains("from the client 5 "))
      #expect(lines.contains("from the upstream 7 "))
      let end = log.entries.last { $0.message == "connection ended" }
      #expect(end?.metadata["read"] == "5" && end?.metadata["write"] == "7")
      #expect(lines.contains { $0.contains("hello") } == (level == .trace))
    }
  }
}
