// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Logging
import NIOCore
import NetworkExtProc
import SwiftProtobuf
import Testing

@Suite("What a network hook's reply becomes")
struct NetworkReplyTests {
  private func answers(
    _ reply: NetworkReply, to message: NetworkRequestMessage = .readData("abc")
  ) async throws -> [String] {
    let harness = NetworkHarness(HookedNetwork(write: { _, _ in reply }, read: { _, _ in reply }))
    return try await harness.send(message).map(\.text)
  }

  static let replies: [(NetworkReply, [String])] = [
    (.continue, ["read 'abc' unmodified"]),
    (.replace("xy"), ["read 'xy' modified"]),
    (.replace(""), ["read '' modified"]),
    (.drop, ["read '' modified"]),
    (
      .replace(chunks: ["1", "22", "333"].map { ByteBuffer(string: $0) }),
      [
        "read '1' modified", "read '22' modified", "read '333' modified",
      ]
    ),
    (.replace(chunks: []), ["read '' modified"]),
    (.close, ["close"]),
    (.reset, ["closeRst"]),
    (.continue.closing(), ["read 'abc' unmodified", "close"]),
    (.replace("bye").closing(), ["read 'bye' modified", "close"]),
    (.drop.closing(), ["close"]),
    (.drop.injecting(ByteBuffer(string: "no")), ["write 'no' modified", "read '' modified"]),
    (.close.injecting(ByteBuffer(string: "no")), ["write 'no' modified", "close"]),
    (.continue.closingStream(), ["read 'abc' unmodified leaves"]),
    (.continue.settingMetadata(["a": "b"], in: "ns"), ["read 'abc' unmodified ns"]),
    (.replace("x").settingMetadata(["a": "b"], in: "ns"), ["read 'x' modified ns"]),
    (.close.settingMetadata(["a": "b"], in: "ns"), ["close ns"]),
  ]

  @Test("each reply is told in the messages that Envoy understands", arguments: replies.indices)
  func messages(index: Int) async throws {
    let (reply, expected) = Self.replies[index]
    #expect(try await answers(reply) == expected)
  }

  @Test("the other direction is answered in its own field")
  func write() async throws {
    #expect(try await answers(.continue, to: .writeData("abc")) == ["write 'abc' unmodified"])
    #expect(
      try await answers(.replace("x").injecting(ByteBuffer(string: "y")), to: .writeData("abc")) == [
        "read 'y' modified", "write 'x' modified",
      ])
  }

  @Test("the end of a direction passes with the last bytes, whatever the reply")
  func end() async throws {
    let message = NetworkRequestMessage.readData("abc", endOfStream: true)
    #expect(try await answers(.continue, to: message) == ["read 'abc' end unmodified"])
    #expect(try await answers(.drop, to: message) == ["read '' end modified"])
    #expect(
      try await answers(.replace(chunks: [ByteBuffer(string: "1"), ByteBuffer(string: "2")]), to: message) == [
        "read '1' modified", "read '2' end modified",
      ])
  }

  @Test("bytes that pass come back byte for byte, whatever they are")
  func bytes() async throws {
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let harness = NetworkHarness(HookedNetwork())
    let reply = try await harness.reply(to: .writeData(bytes: bytes, endOfStream: true))
    #expect(Array(reply.writeData.data) == bytes)
    #expect(reply.writeData.endOfStream)
  }

  @Test("long replacements and injections go in messages of at most 62 KiB")
  func long() async throws {
    let bytes = ByteBuffer(bytes: (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
    let harness = NetworkHarness(HookedNetwork(read: { _, _ in .replace(bytes).injecting(bytes) }))
    let replies = try await harness.send(.readData("abc", endOfStream: true))
    for direction in [\NetworkResponseMessage.readData, \.writeData] {
      let parts = replies.map { $0[keyPath: direction].data }
      #expect(ByteBuffer(bytes: parts.joined()) == bytes)
      #expect(parts.map(\.count).max() == 62 * 1_024)
    }
    #expect(replies.map { $0.readData.endOfStream } == Array(repeating: false, count: replies.count - 1) + [true])
  }

  @Test("what cannot be injected is left out, with a warning, and the rest of the reply holds")
  func injectedAfterEnd() async throws {
    for (reply, expected) in [
      (NetworkReply.continue, ["read 'abc' unmodified"]), (.close, ["close"]), (.replace("x"), ["read 'x' modified"]),
    ] {
      let log = LogRecorder()
      let server = HookedNetwork(policy: .passThrough, read: { _, _ in reply.injecting("late") })
      let harness = NetworkHarness(server, logger: log.logger)
      #expect(try await harness.send(.writeData("", endOfStream: true)).map(\.text) == ["write '' end unmodified"])
      #expect(try await harness.send(.readData("abc")).map(\.text) == expected)
      #expect(log.entries(atLeast: .warning).count == 1)
    }
  }
}
