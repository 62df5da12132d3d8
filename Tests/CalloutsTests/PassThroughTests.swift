// SPDX-License-Identifier: Apache-2.0
import Callouts
import ExtProcTesting
import SwiftProtobuf
import Testing

// What a callout that overrides nothing answers (google-callouts.md 9.4).

@Suite("Pass-through")
struct PassThroughTests {
  static let modes: [BodySendMode] = [.none, .streamed, .buffered, .bufferedPartial, .fullDuplexStreamed, .grpc]

  private func harness(_ mode: BodySendMode) async throws -> CalloutHarness {
    let harness = CalloutHarness(CalloutServer())
    let headers = ProcessingRequestMessage.requestHeaders([":path": "/"]).withBodyModes(request: mode, response: mode)
    let reply = try await harness.reply(to: headers)
    #expect(reply == .requestHeaders(.init()))
    return harness
  }

  @Test("headers and trailers are answered with nothing to change, in every mode", arguments: modes)
  func headersAndTrailers(mode: BodySendMode) async throws {
    let harness = try await harness(mode)
    #expect(try await harness.reply(to: .requestTrailers(["t": "1"])) == .requestTrailers(.init()))
    #expect(try await harness.reply(to: .responseHeaders([":status": "200"])) == .responseHeaders(.init()))
    #expect(try await harness.reply(to: .responseTrailers(["t": "1"])) == .responseTrailers(.init()))
  }

  @Test("a body is left alone, or echoed where what is not sent back is gone", arguments: modes, [false, true])
  func bodies(mode: BodySendMode, endOfStream: Bool) async throws {
    let harness = try await harness(mode)
    let request = try await harness.reply(to: .requestBody("bytes", endOfStream: endOfStream))
    let response = try await harness.reply(to: .responseBody("bytes", endOfStream: endOfStream))
    guard mode == .fullDuplexStreamed || mode == .grpc else {
      #expect(request == .requestBody(.init()))
      #expect(response == .responseBody(.init()))
      return
    }
    let echo = Envoy_Service_ExtProc_V3_BodyResponse.with {
      $0.response.bodyMutation.streamedResponse.body = .init("bytes".utf8)
      $0.response.bodyMutation.streamedResponse.endOfStream = endOfStream
    }
    #expect(request == .requestBody(echo))
    #expect(response == .responseBody(echo))
  }

  @Test("an empty last piece is echoed as the end of the stream")
  func emptyEnd() async throws {
    let harness = try await harness(.fullDuplexStreamed)
    let reply = try await harness.reply(to: .requestBody("", endOfStream: true))
    let streamed = reply.requestBody.response.bodyMutation.streamedResponse
    #expect(streamed.endOfStream)
    #expect(streamed.body.isEmpty)
  }

  @Test("the flags of the GRPC mode are echoed")
  func grpcFlags() async throws {
    let harness = try await harness(.grpc)
    var message = ProcessingRequestMessage.requestBody("message", endOfStream: true)
    message.requestBody.endOfStreamWithoutMessage = true
    message.requestBody.grpcMessageCompressed = true
    let streamed = try await harness.reply(to: message).requestBody.response.bodyMutation.streamedResponse
    #expect(streamed.endOfStream && streamed.endOfStreamWithoutMessage && streamed.grpcMessageCompressed)
  }

  @Test("each direction has a mode of its own")
  func directions() async throws {
    let harness = CalloutHarness(CalloutServer())
    let headers = ProcessingRequestMessage.requestHeaders([:])
      .withBodyModes(request: .fullDuplexStreamed, response: .streamed)
    _ = try await harness.reply(to: headers)
    let request = try await harness.reply(to: .requestBody("a"))
    let response = try await harness.reply(to: .responseBody("a"))
    #expect(request.requestBody.response.bodyMutation.streamedResponse.body == .init("a".utf8))
    #expect(response == .responseBody(.init()))
  }

  @Test("a proxy that does not tell its modes gets a plain reply")
  func untoldMode() async throws {
    let reply = try await CalloutHarness(CalloutServer()).reply(to: .requestBody("bytes"))
    #expect(reply == .requestBody(.init()))
  }

  @Test("a mere observation, and a message that asks about nothing, get no answer")
  func noAnswer() async throws {
    let harness = CalloutHarness(CalloutServer())
    let observed = ProcessingRequestMessage.requestHeaders([":path": "/"]).inObservabilityMode()
    #expect(try await harness.send(observed).isEmpty)
    #expect(try await harness.send(ProcessingRequestMessage()).isEmpty)
    let settings = ProcessingRequestMessage().withBodyModes(request: .fullDuplexStreamed)
    #expect(try await harness.send(settings).isEmpty)
    let echo = try await harness.reply(to: .requestBody("a"))
    #expect(echo.requestBody.response.bodyMutation.streamedResponse.body == .init("a".utf8))
  }
}

extension ProcessingResponseMessage {
  static func requestHeaders(_ reply: Envoy_Service_ExtProc_V3_HeadersResponse) -> Self {
    with { $0.requestHeaders = reply }
  }
  static func responseHeaders(_ reply: Envoy_Service_ExtProc_V3_HeadersResponse) -> Self {
    with { $0.responseHeaders = reply }
  }
  static func requestBody(_ reply: Envoy_Service_ExtProc_V3_BodyResponse) -> Self { with { $0.requestBody = reply } }
  static func responseBody(_ reply: Envoy_Service_ExtProc_V3_BodyResponse) -> Self { with { $0.responseBody = reply } }
  static func requestTrailers(_ reply: Envoy_Service_ExtProc_V3_TrailersResponse) -> Self {
    with { $0.requestTrailers = reply }
  }
  static func responseTrailers(_ reply: Envoy_Service_ExtProc_V3_TrailersResponse) -> Self {
    with { $0.responseTrailers = reply }
  }
}
