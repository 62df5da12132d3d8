// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import NIOCore
import NetworkExtProc
import Testing

@testable import NetworkFilter

@Suite("NetworkFilter")
struct NetworkFilterTests {
  /// What Redis gets of commands that arrive in pieces of so many bytes.
  private func passed(_ commands: String, inPiecesOf length: Int = .max) throws -> String {
    var parser = RedisCommands()
    var passed = ByteBuffer()
    for piece in ByteBuffer(string: commands).chunks(ofAtMost: min(length, 100_000)) {
      let bytes = try parser.read(piece) { $0.uppercased() == "FLUSHALL" ? "REFUSED" : nil }
      passed.writeImmutableBuffer(bytes)
    }
    return String(buffer: passed)
  }

  static let commands: [(given: String, expected: String)] = [
    ("*1\r\n$4\r\nPING\r\n", "*1\r\n$4\r\nPING\r\n"),
    ("*1\r\n$8\r\nFLUSHALL\r\n", "*1\r\n$7\r\nREFUSED\r\n"),
    ("*2\r\n$8\r\nflushAll\r\n$5\r\nASYNC\r\n", "*2\r\n$7\r\nREFUSED\r\n$5\r\nASYNC\r\n"),
    // Only a name is a command: not a key, nor what a value holds.
    ("*2\r\n$3\r\nGET\r\n$8\r\nFLUSHALL\r\n", "*2\r\n$3\r\nGET\r\n$8\r\nFLUSHALL\r\n"),
    (
      "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$23\r\n\r\n*1\r\n$8\r\nFLUSHALL\r\n..\r\n",
      "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$23\r\n\r\n*1\r\n$8\r\nFLUSHALL\r\n..\r\n"
    ),
    // Several at once, of both forms.
    ("PING\r\n  FlushAll ASYNC\nGET FLUSHALL\r\n*0\r\n\r\n", "PING\r\nREFUSED ASYNC\nGET FLUSHALL\r\n*0\r\n\r\n"),
    ("*1\r\n$0\r\n\r\n*1\r\n$8\r\nFLUSHALL\r\n", "*1\r\n$0\r\n\r\n*1\r\n$7\r\nREFUSED\r\n"),
  ]

  @Test("FLUSHALL gets another name, in whatever pieces it comes", arguments: commands, [1, 2, 3, 7, 1_000])
  func refuses(command: (given: String, expected: String), length: Int) throws {
    #expect(try passed(command.given, inPiecesOf: length) == command.expected)
  }

  @Test("a long value passes as it comes, and what follows is looked at again")
  func longValue() throws {
    let value = String(repeating: "x", count: 300_000)
    let set = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$300000\r\n\(value)\r\n"
    #expect(try passed(set + "FLUSHALL\r\n") == set + "REFUSED\r\n")
    var parser = RedisCommands()
    _ = try parser.read(ByteBuffer(string: String(set.prefix(50)))) { _ in nil }
    #expect(
      try parser.read(ByteBuffer(string: String(repeating: "x", count: 1_000))) { _ in nil }.readableBytes == 1_000)
  }

  @Test(
    "what Redis would read in another way is no command",
    arguments: [
      "*x\r\n", "*1\n$8\r\nFLUSHALL\r\n", "*1\rX$8\r\nFLUSHALL\r\n", "*+1\r\n", "*-1\r\n", "*\r\n", "*1 \r\n",
      "*1\r\n:8\r\nFLUSHALL\r\n", "*1\r\n$-1\r\n", "*1\r\n$70000\r\n", "*99999999999\r\n", "\"FLUSHALL\"\r\n",
      "'flushall'\r\n",
      "FLUSH\"ALL\"\r\n", String(repeating: "x", count: 70_000),
    ])
  func refused(bytes: String) {
    #expect(throws: RedisCommands.NotRedis.self) { try passed(bytes) }
  }

  @Test("each connection has its own commands, and one that is no Redis is closed")
  func connections() async throws {
    let server = NetworkFilter()
    let (first, second) = (NetworkHarness(server), NetworkHarness(server))
    _ = try await first.send(.readData("*1\r\n$8\r\nFLUSH"))
    #expect(try await second.reply(to: .readData("PING\r\n")).readData.data == .init("PING\r\n".utf8))
    #expect(try await first.reply(to: .readData("ALL\r\n")).readData.data == .init("$7\r\nREFUSED\r\n".utf8))
    await #expect(throws: RedisCommands.NotRedis.self) { try await second.send(.readData("*x\r\n")) }
  }
}
