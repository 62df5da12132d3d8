// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import NIOCore
import SwiftProtobuf
import Testing

/// Answers with what it was made with.
private final class Answering: CalloutServer, @unchecked Sendable {
  private var headers = HeadersReply.continue
  private var trailers = TrailersReply.continue

  convenience init(_ headers: HeadersReply = .continue, trailers: TrailersReply = .continue) {
    self.init()
    self.headers = headers
    self.trailers = trailers
  }

  override func onRequestHeaders(_: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply { headers }
  override func onResponseHeaders(_: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply { headers }
  override func onRequestTrailers(_: HTTPHeaders, context: CalloutContext) async throws -> TrailersReply { trailers }
  override func onResponseTrailers(_: HTTPHeaders, context: CalloutContext) async throws -> TrailersReply { trailers }
}

// What is sent is decoded by swift-protobuf and compared with the message that was meant.

@Suite("Replies")
struct ReplyTests {
  private func reply(_ headers: HeadersReply) async throws -> ProcessingResponseMessage {
    try await CalloutHarness(Answering(headers)).reply(to: .requestHeaders([:]))
  }

  private static func setting(
    _ name: String, _ value: [UInt8], _ action: Envoy_Config_Core_V3_HeaderValueOption.HeaderAppendAction
  ) -> Envoy_Config_Core_V3_HeaderValueOption {
    .with {
      $0.header.key = name
      $0.header.rawValue = Data(value)
      $0.appendAction = action
      // Envoy up to 1.40 reads only this one, newer clients only the action.
      if action == .appendIfExistsOrAdd { $0.append = Google_Protobuf_BoolValue(true) }
    }
  }

  @Test("a header mutation says all its actions, for old proxies and new ones")
  func actions() async throws {
    var mutation = HeaderMutation(set: ["a": "1"], append: ["b": "2"], remove: ["c", "d"])
    mutation.set("e", .bytes([0xff, 0x81]), .addIfAbsent)
    mutation.set("f", .string(""), .overwriteIfExists)
    let expected = Envoy_Service_ExtProc_V3_HeaderMutation.with {
      $0.setHeaders = [
        Self.setting("a", [0x31], .overwriteIfExistsOrAdd), Self.setting("b", [0x32], .appendIfExistsOrAdd),
        Self.setting("e", [0xff, 0x81], .addIfAbsent), Self.setting("f", [], .overwriteIfExists),
      ]
      $0.removeHeaders = ["c", "d"]
    }
    let reply = try await reply(.mutate(mutation))
    #expect(reply.requestHeaders.response.headerMutation == expected)
    #expect(!reply.requestHeaders.response.clearRouteCache_p)
  }

  @Test(
    "clearing the route cache is said with and without a mutation", arguments: [HeaderMutation(), .init(remove: ["a"])])
  func clearRouteCache(mutation: HeaderMutation) async throws {
    let expected = ProcessingResponseMessage.with {
      $0.requestHeaders.response.clearRouteCache_p = true
      if !mutation.isEmpty { $0.requestHeaders.response.headerMutation.removeHeaders = ["a"] }
    }
    #expect(try await reply(.mutate(mutation, clearRouteCache: true)) == expected)
  }

  @Test("headers that bring their body replace the one that was to follow", arguments: ["", "body"])
  func replaceBody(body: String) async throws {
    let expected = ProcessingResponseMessage.with {
      $0.requestHeaders.response.status = .continueAndReplace
      $0.requestHeaders.response.headerMutation.removeHeaders = ["a"]
      if body.isEmpty {
        $0.requestHeaders.response.bodyMutation.clearBody_p = true
      } else {
        $0.requestHeaders.response.bodyMutation.body = Data(body.utf8)
      }
    }
    #expect(try await reply(.replace(body: ByteBuffer(string: body), mutation: .init(remove: ["a"]))) == expected)
  }

  @Test("trailers are changed in both directions")
  func trailers() async throws {
    let harness = CalloutHarness(Answering(trailers: .mutate(set: ["t": "1"], remove: ["u"])))
    let expected = Envoy_Service_ExtProc_V3_TrailersResponse.with {
      $0.headerMutation.setHeaders = [Self.setting("t", [0x31], .overwriteIfExistsOrAdd)]
      $0.headerMutation.removeHeaders = ["u"]
    }
    #expect(try await harness.reply(to: .requestTrailers([:])) == .requestTrailers(expected))
    #expect(try await harness.reply(to: .responseTrailers([:])) == .responseTrailers(expected))
  }

  @Test("an immediate response says all that it was given")
  func immediate() async throws {
    let response = ImmediateResponse(
      status: 403, headers: HeaderMutation(set: ["a": "1"]), body: ByteBuffer(string: "no"), grpcStatus: 7,
      details: "denied")
    let expected = ProcessingResponseMessage.with {
      $0.immediateResponse.status.code = .forbidden
      $0.immediateResponse.headers.setHeaders = [Self.setting("a", [0x31], .overwriteIfExistsOrAdd)]
      $0.immediateResponse.body = Data("no".utf8)
      $0.immediateResponse.grpcStatus.status = 7
      $0.immediateResponse.details = "denied"
    }
    #expect(try await reply(.immediate(response)) == expected)
  }

  @Test("an immediate response may say no more than its status, any from 200 to 599", arguments: [200, 301, 418, 599])
  func bareImmediate(status: Int) async throws {
    let reply = try await reply(.immediate(ImmediateResponse(status: status, body: "")))
    #expect(reply.immediateResponse.status.code.rawValue == status)
    #expect(!reply.immediateResponse.hasHeaders && !reply.immediateResponse.hasGrpcStatus)
  }

  @Test("a gRPC status of any number is said, 0 included", arguments: [0, 16, 127, 128, UInt32.max])
  func grpcStatus(number: UInt32) async throws {
    let reply = try await reply(.immediate(ImmediateResponse(status: 200, grpcStatus: number)))
    #expect(reply.immediateResponse.hasGrpcStatus)
    #expect(reply.immediateResponse.grpcStatus.status == number)
  }

  @Test("mutations of any size keep their meaning", arguments: [1, 2, 3] as [UInt64])
  func randomMutations(seed: UInt64) async throws {
    var random = Seeded(seed)
    for _ in 0..<300 {
      var mutation = HeaderMutation()
      var expected = Envoy_Service_ExtProc_V3_HeaderMutation()
      for _ in 0..<Int.random(in: 0...5, using: &random) {
        let name = String(repeating: "n", count: [1, 126, 127, 128, 300].randomElement(using: &random)!)
        let value = [UInt8](repeating: 0x80, count: [0, 1, 127, 128, 16_383, 16_384].randomElement(using: &random)!)
        let action = HeaderMutation.Action(rawValue: Int.random(in: 0...3, using: &random))!
        mutation.set(name, .bytes(value), action)
        expected.setHeaders.append(Self.setting(name, value, .init(rawValue: action.rawValue)!))
      }
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        mutation.remove("gone")
        expected.removeHeaders.append("gone")
      }
      let reply = try await reply(.mutate(mutation))
      try #require(reply.requestHeaders.response.headerMutation == expected)
    }
  }
}
