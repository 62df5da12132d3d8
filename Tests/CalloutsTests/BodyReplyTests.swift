// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import NIOCore
import Testing

/// Answers every body with what it was made with.
private final class Replacing: CalloutServer, @unchecked Sendable {
  private var reply = BodyReply.continue

  convenience init(_ reply: BodyReply) {
    self.init()
    self.reply = reply
  }

  override func onBody(_ body: HTTPBody, direction: Direction, context: CalloutContext) async throws -> BodyReply {
    reply
  }
}

@Suite("Changed bodies")
struct BodyReplyTests {
  private func harness(
    _ reply: BodyReply, _ mode: BodySendMode?, headers: KeyValuePairs<String, String> = ["content-length": "5"]
  ) async throws -> CalloutHarness {
    let harness = CalloutHarness(Replacing(reply))
    var message = ProcessingRequestMessage.requestHeaders(headers)
    if let mode { message = message.withBodyModes(request: mode, response: mode) }
    _ = try await harness.send(message)
    return harness
  }

  private func contentLength(of reply: ProcessingResponseMessage) -> [String] {
    reply.requestBody.response.headerMutation.setHeaders.filter { $0.header.key == "content-length" }
      .map { String(decoding: $0.header.rawValue, as: UTF8.self) }
  }

  @Test("a whole body that changes has its content-length changed too", arguments: [BodySendMode.buffered, nil])
  func contentLength(mode: BodySendMode?) async throws {
    let harness = try await harness(.replace("a longer body"), mode)
    let reply = try await harness.reply(to: .requestBody("short", endOfStream: true))
    #expect(reply.requestBody.response.bodyMutation.body == Data("a longer body".utf8))
    #expect(contentLength(of: reply) == ["13"])
  }

  @Test("a whole body that is cleared has the content-length 0")
  func clearedContentLength() async throws {
    let reply = try await harness(.clear, .buffered).reply(to: .requestBody("short", endOfStream: true))
    #expect(reply.requestBody.response.bodyMutation.clearBody_p)
    #expect(contentLength(of: reply) == ["0"])
  }

  @Test("a whole body with trailers to follow has its content-length changed too")
  func contentLengthBeforeTrailers() async throws {
    let reply = try await harness(.replace("longer"), .buffered).reply(to: .requestBody("short"))
    #expect(contentLength(of: reply) == ["6"])
  }

  @Test("content-length is not touched where the message had none, the body stays, or it comes in pieces")
  func noContentLength() async throws {
    let none = try await harness(.replace("longer"), .buffered, headers: [:]).reply(to: .requestBody("a"))
    #expect(contentLength(of: none).isEmpty)
    let same = try await harness(.continue, .buffered).reply(to: .requestBody("short", endOfStream: true))
    #expect(same == .requestBody(.init()))
    for mode in [BodySendMode.streamed, .bufferedPartial] {
      let piece = try await harness(.replace("longer"), mode).reply(to: .requestBody("a", endOfStream: true))
      #expect(contentLength(of: piece).isEmpty)
    }
  }

  @Test("a content-length that the callout sets itself stays, in whatever case it writes it")
  func ownContentLength() async throws {
    let own = HeaderMutation(set: ["Content-Length": "6"])
    let reply = try await harness(.replace("longer", mutation: own), .buffered).reply(to: .requestBody("short"))
    let names = reply.requestBody.response.headerMutation.setHeaders.map { $0.header.key.lowercased() }
    #expect(names == ["content-length"])
  }

  @Test("the content-length of one direction does not count for the other")
  func otherDirection() async throws {
    let harness = try await harness(.replace("longer"), .buffered)
    _ = try await harness.send(.responseHeaders([":status": "200"]))
    let reply = try await harness.reply(to: .responseBody("short", endOfStream: true))
    #expect(reply.responseBody.response.headerMutation.setHeaders.isEmpty)
  }

  @Test("a piece that is replaced in STREAMED is one plain reply, however long")
  func longStreamed() async throws {
    let body = String(repeating: "x", count: 200_000)
    let reply = try await harness(.replace(body), .streamed).reply(to: .requestBody("a"))
    #expect(reply.requestBody.response.bodyMutation.body.count == 200_000)
  }

  @Test(
    "in full duplex a body is cut at 62 KiB, and only the last piece ends the stream",
    arguments: [0, 1, 62 * 1_024, 62 * 1_024 + 1, 2 * 62 * 1_024, 200_000], [false, true])
  func cut(length: Int, endOfStream: Bool) async throws {
    let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let harness = try await harness(.replace(ByteBuffer(bytes: bytes)), .fullDuplexStreamed)
    let replies = try await harness.send(.requestBody("a", endOfStream: endOfStream))
    let pieces = replies.map(\.requestBody.response.bodyMutation.streamedResponse)
    #expect(pieces.count == max(1, (length + 62 * 1_024 - 1) / (62 * 1_024)))
    #expect(pieces.allSatisfy { $0.body.count <= 62 * 1_024 })
    #expect(Array(pieces.map(\.body).joined()) == bytes)
    #expect(pieces.dropLast().allSatisfy { !$0.endOfStream })
    #expect(pieces.last?.endOfStream == endOfStream)
  }

  @Test("in full duplex a body that stays is cut too, when the proxy sends a long one")
  func cutEcho() async throws {
    let harness = try await harness(.continue, .fullDuplexStreamed)
    let replies = try await harness.send(.requestBody(String(repeating: "x", count: 100_000), endOfStream: true))
    #expect(replies.map { $0.requestBody.response.bodyMutation.streamedResponse.body.count } == [63_488, 36_512])
  }
}
