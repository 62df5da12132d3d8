// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Logging
import NIOCore
import SwiftProtobuf
import Testing

@Suite("What goes with a reply")
struct AttachmentTests {
  private let metadata: Google_Protobuf_Struct = ["user": "me"]

  @Test("dynamic metadata goes with every kind of reply, an immediate response too")
  func metadata() async throws {
    let metadata = metadata
    let server = Given(
      headers: { headers, _ in
        let reply = HeadersReply.mutate(set: ["x": "1"])
        let denial = HeadersReply.immediate(ImmediateResponse(status: 403, body: ""))
        return (headers.path == "/deny" ? denial : reply).settingMetadata(metadata, in: "ns")
      }, body: { _, _ in .replace("b").settingMetadata(metadata, in: "ns") },
      trailers: { _, _ in .continue.settingMetadata(metadata, in: "ns") })
    let messages: [ProcessingRequestMessage] = [
      .requestHeaders([":path": "/"]), .requestBody("a"), .requestTrailers([:]), .responseHeaders([":path": "/deny"]),
    ]
    let harness = CalloutHarness(server)
    for message in messages {
      let reply = try await harness.reply(to: message)
      #expect(reply.dynamicMetadata.fields == ["ns": Google_Protobuf_Value(structValue: metadata)])
      #expect(reply.response != nil)
    }
  }

  @Test("dynamic metadata goes once with a full-duplex body that is cut")
  func metadataOnce() async throws {
    let metadata = metadata
    let harness = CalloutHarness(Given(body: { _, _ in .continue.settingMetadata(metadata, in: "ns") }))
    let body = ProcessingRequestMessage.requestBody(String(repeating: "x", count: 100_000))
    let replies = try await harness.send(body.withBodyModes(request: .fullDuplexStreamed))
    #expect(replies.map(\.hasDynamicMetadata) == [true, false])
  }

  @Test("typed metadata and a request to drain go with a reply")
  func typed() async throws {
    let value = try Google_Protobuf_Any(message: Google_Protobuf_BoolValue(true))
    let server = Given(headers: { _, _ in
      var reply = HeadersReply.continue
      reply.typedDynamicMetadata["ns"] = value
      reply.requestDrain = [.request, .response]
      return reply
    })
    let reply = try await CalloutHarness(server).reply(to: .requestHeaders([:]))
    #expect(reply.typedDynamicMetadata["ns"]?.typeURL == value.typeURL)
    #expect(reply.typedDynamicMetadata["ns"]?.value == value.value)
    #expect(reply.requestDrain && reply.requestDrainRequests && reply.requestDrainResponses)
  }

  @Test("a request to drain one direction does not drain the other")
  func drain() async throws {
    let server = Given(headers: { _, _ in
      var reply = HeadersReply.continue
      reply.requestDrain = [.request]
      return reply
    })
    let reply = try await CalloutHarness(server).reply(to: .requestHeaders([:]))
    #expect(!reply.requestDrain && reply.requestDrainRequests && !reply.requestDrainResponses)
  }

  // MARK: mode_override

  private func overriding(
    _ override: ModeOverride, allowed: Bool = true, log: LogRecorder = LogRecorder(),
    body: @escaping Given.Body = { _, _ in .continue }
  ) -> CalloutHarness {
    CalloutHarness(
      Given(
        { $0.allowModeOverride = allowed }, headers: { _, _ in .continue.overridingMode(override) }, body: body),
      logger: log.logger)
  }

  @Test("an override leaves the body mode that it does not name as it is, which Envoy would take for NONE")
  func overrideKeeps() async throws {
    let harness = overriding(ModeOverride(responseBody: .buffered))
    let reply = try await harness.reply(
      to: .requestHeaders([:]).withBodyModes(request: .streamed, response: .none))
    #expect(reply.modeOverride.requestBodyMode == .streamed)
    #expect(reply.modeOverride.responseBodyMode == .buffered)
    #expect(reply.modeOverride.responseHeaderMode == .default)
  }

  @Test("a body is answered in the mode that was overridden to")
  func overrideIsFollowed() async throws {
    let harness = overriding(
      ModeOverride(requestBody: .fullDuplexStreamed, requestTrailers: .send), body: { _, _ in .replace("new") })
    _ = try await harness.send(.requestHeaders([:]).withBodyModes(request: .none))
    #expect(try await harness.reply(to: .requestBody("a", endOfStream: true)).streamed == "new.")
  }

  @Test("a body that is whole because of an override gets its content-length")
  func overrideToBuffered() async throws {
    let harness = overriding(ModeOverride(requestBody: .buffered), body: { _, _ in .replace("longer") })
    _ = try await harness.send(.requestHeaders(["content-length": "1"]).withBodyModes(request: .none))
    let reply = try await harness.reply(to: .requestBody("a", endOfStream: true))
    let header = reply.requestBody.response.headerMutation.setHeaders.first?.header
    #expect(header?.key == "content-length")
    #expect(header.map { String(decoding: $0.rawValue, as: UTF8.self) } == "6")
  }

  @Test("an override that is not allowed is neither sent nor followed, and told once")
  func overrideNotAllowed() async throws {
    let log = LogRecorder()
    let harness = overriding(
      ModeOverride(requestBody: .fullDuplexStreamed), allowed: false, log: log, body: { _, _ in .replace("new") })
    let reply = try await harness.reply(to: .requestHeaders([:]).withBodyModes(request: .streamed))
    #expect(!reply.hasModeOverride)
    #expect(try await harness.reply(to: .requestBody("a")).plainBody == "new")
    _ = try await harness.send(.responseHeaders([:]))
    #expect(
      log.entries(atLeast: .warning).map { $0.metadata["reason"].map { "\($0)".contains("allow_mode_override") } } == [
        true
      ])
  }

  @Test("an override is not sent where Envoy ignores it for the filter's own modes")
  func overrideIgnored() async throws {
    let harness = overriding(ModeOverride(responseBody: .buffered))
    let duplex = try await harness.reply(to: .requestHeaders([:]).withBodyModes(request: .fullDuplexStreamed))
    #expect(!duplex.hasModeOverride)
    var message = ProcessingRequestMessage.requestHeaders([:]).withBodyModes(request: .streamed)
    message.protocolConfig.sendBodyWithoutWaitingForHeaderResponse = true
    let without = try await overriding(ModeOverride(responseBody: .buffered)).reply(to: message)
    #expect(!without.hasModeOverride)
  }

  // MARK: clear_route_cache

  @Test(
    "the route is chosen again when a header that routes depend on changes, and only then",
    arguments: [":path", ":authority", ":method", ":scheme", "host", "Host", "x-other", "h2"])
  func routeCache(name: String) async throws {
    let server = Given(headers: { _, _ in .mutate(set: [name: "1"]) })
    let reply = try await CalloutHarness(server).reply(to: .requestHeaders([:]))
    #expect(reply.requestHeaders.response.clearRouteCache_p == !["x-other", "h2"].contains(name))
    let response = try await CalloutHarness(server).reply(to: .responseHeaders([:]))
    #expect(!response.responseHeaders.response.clearRouteCache_p)
  }

  @Test("a reply may say by itself whether the route is chosen again")
  func routeCacheChosen() async throws {
    for clears in [false, true] {
      let server = Given(headers: { _, _ in .mutate(set: [":path": "/", "x": "1"], clearRouteCache: clears) })
      let reply = try await CalloutHarness(server).reply(to: .requestHeaders([:]))
      #expect(reply.requestHeaders.response.clearRouteCache_p == clears)
    }
  }

  @Test("a whole body whose reply changes the path has the route chosen again too")
  func routeCacheOfBody() async throws {
    let server = Given(body: { _, _ in .replace("", mutation: HeaderMutation(set: [":path": "/"])) })
    let reply = try await CalloutHarness(server).reply(to: .requestBody("a").withBodyModes(request: .buffered))
    #expect(reply.requestBody.response.clearRouteCache_p)
  }
}
