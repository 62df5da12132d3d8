// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import NIOCore
import SwiftProtobuf
import Testing

/// Answers every request with one response.
private final class Responding: CalloutServer, @unchecked Sendable {
  private var response: ProcessingResponse?

  convenience init(_ response: ProcessingResponse) {
    self.init()
    self.response = response
  }

  override func process(_ request: ProcessingRequest, context: CalloutContext) async throws -> ProcessingResponse {
    response!
  }
}

@Suite("Replies that Envoy would refuse")
struct IllegalReplyTests {
  private func send(_ response: ProcessingResponse, to message: ProcessingRequestMessage) async throws {
    _ = try await CalloutHarness(Responding(response)).send(message)
  }

  private func expectRefused(
    _ response: ProcessingResponse, to message: ProcessingRequestMessage = .requestHeaders([:]),
    because reason: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async {
    let error = await #expect(throws: CalloutError.self, sourceLocation: sourceLocation) {
      try await send(response, to: message)
    }
    #expect(error?.code == .illegalReply, sourceLocation: sourceLocation)
    #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")", sourceLocation: sourceLocation)
  }

  private func expectRefused(
    _ message: (inout ProcessingResponseMessage) -> Void, to request: ProcessingRequestMessage = .requestHeaders([:]),
    because reason: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async {
    var response = ProcessingResponseMessage()
    message(&response)
    await expectRefused(ProcessingResponse(response), to: request, because: reason, sourceLocation: sourceLocation)
  }

  @Test("an answer to another phase is refused, made by hand or not")
  func wrongPhase() async {
    await expectRefused(.responseHeaders(.continue), because: "responseHeaders, but requestHeaders was asked")
    await expectRefused(.requestTrailers(.continue), to: .requestBody(""), because: "requestBody was asked")
    await expectRefused({ $0.responseBody = .init() }, to: .requestBody(""), because: "requestBody was asked")
    await expectRefused(
      { $0.requestHeaders = .init() }, to: .requestTrailers([:]), because: "requestTrailers was asked")
  }

  @Test("a response that answers nothing is refused")
  func nothingSet() async {
    await expectRefused({ _ in }, because: "answers nothing")
    await expectRefused({ $0.dynamicMetadata = .init() }, because: "answers nothing")
  }

  @Test("a header name that is no token is refused", arguments: ["", ":", "a b", "a\n", "é", "a:b", "\u{0}"])
  func badNames(name: String) async {
    await expectRefused(.requestHeaders(.mutate(set: [name: "1"])), because: "is no header name")
    await expectRefused(.requestHeaders(.mutate(append: [name: "1"])), because: "is no header name")
    await expectRefused(.requestHeaders(.mutate(remove: [name])), because: "is no header name")
    await expectRefused(
      { $0.requestHeaders.response.headerMutation.removeHeaders = [name] }, because: "is no header name")
  }

  @Test("a header value with a line break or NUL is refused in every reply", arguments: ["a\r", "\n", "a\u{0}b"])
  func badValues(value: String) async {
    let bad = HeaderMutation(set: ["name": value])
    await expectRefused(.requestHeaders(.mutate(bad)), because: "header 'name'")
    await expectRefused(.requestHeaders(.replace(body: .init(), mutation: bad)), because: "header 'name'")
    await expectRefused(.requestBody(.replace("", mutation: bad)), to: .requestBody(""), because: "header 'name'")
    await expectRefused(.requestTrailers(.mutate(bad)), to: .requestTrailers([:]), because: "header 'name'")
    await expectRefused(.immediate(ImmediateResponse(status: 403, headers: bad)), because: "header 'name'")
  }

  @Test(
    "a control character in a value is refused", arguments: ["\0", "\n", "\r", "\u{1}", "\u{b}", "\u{1f}", "\u{7f}"])
  func controlCharacters(value: String) async throws {
    await expectRefused(.requestHeaders(.mutate(set: ["name": "a\(value)b"])), because: "header 'name'")
  }

  @Test("a value that other bytes make strange is not refused", arguments: ["", "\t", "é", "a b", "\u{80}"])
  func oddValues(value: String) async throws {
    try await send(.requestHeaders(.mutate(set: ["name": value])), to: .requestHeaders([:]))
  }

  @Test("an immediate response whose status Envoy would make 200 is refused", arguments: [0, 42, 100, 199, 600, -1])
  func badStatus(status: Int) async {
    await expectRefused(.immediate(ImmediateResponse(status: status, body: "")), because: "not between 200 and 599")
    await expectRefused(
      { $0.immediateResponse.status.code = .init(rawValue: status) ?? .UNRECOGNIZED(status) },
      because: "not between 200 and 599")
  }

  @Test("a value in `value`, which Envoy ignores, is refused in every message")
  func valueInsteadOfRawValue() async {
    let bad = Envoy_Service_ExtProc_V3_HeaderMutation.with {
      $0.setHeaders = [.with { $0.header = .with { ($0.key, $0.value) = ("name", "v") } }]
    }
    await expectRefused({ $0.requestHeaders.response.headerMutation = bad }, because: "use `raw_value`")
    await expectRefused(
      { $0.requestBody.response.headerMutation = bad }, to: .requestBody(""), because: "use `raw_value`")
    await expectRefused(
      { $0.requestTrailers.headerMutation = bad }, to: .requestTrailers([:]), because: "use `raw_value`")
    await expectRefused({ $0.immediateResponse.headers = bad }, because: "use `raw_value`")
  }

  @Test(
    "streamed_response outside full duplex is refused",
    arguments: [BodySendMode.none, .streamed, .buffered, .bufferedPartial])
  func streamedResponse(mode: BodySendMode) async {
    await expectRefused(
      { $0.requestBody.response.bodyMutation.streamedResponse = .init() },
      to: .requestBody("").withBodyModes(request: mode), because: "streamed_response is for")
  }

  @Test("a plain body in full duplex is refused", arguments: [BodySendMode.fullDuplexStreamed, .grpc])
  func plainBody(mode: BodySendMode) async {
    let asked = ProcessingRequestMessage.requestBody("").withBodyModes(request: mode)
    await expectRefused({ $0.requestBody = .init() }, to: asked, because: "answered with streamed_response")
    await expectRefused(
      { $0.requestBody.response.bodyMutation.body = Data("a".utf8) }, to: asked, because: "with streamed_response")
    await expectRefused(
      { $0.requestBody.response.bodyMutation.clearBody_p = true }, to: asked, because: "with streamed_response")
  }

  @Test("a streamed immediate response to anything but request headers is refused")
  func streamedImmediate() async throws {
    let message = ProcessingResponseMessage.with { $0.streamedImmediateResponse.headersResponse.endOfStream = true }
    await expectRefused(ProcessingResponse(message), to: .responseHeaders([:]), because: "request headers")
    await expectRefused(ProcessingResponse(message), to: .requestBody(""), because: "request headers")
    try await send(ProcessingResponse(message), to: .requestHeaders([:]))
  }

  @Test("a legal response made by hand is sent as it is")
  func byHand() async throws {
    let message = ProcessingResponseMessage.with {
      $0.requestHeaders.response.headerMutation.removeHeaders = ["a"]
      $0.dynamicMetadata.fields["ns"] = .init(stringValue: "v")
      $0.modeOverride.requestBodyMode = .buffered
    }
    let harness = CalloutHarness(Responding(ProcessingResponse(message)))
    #expect(try await harness.reply(to: .requestHeaders([:])) == message)
  }
}
