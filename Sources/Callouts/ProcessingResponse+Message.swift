// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import NIOCore
internal import SwiftProtobuf

extension ProcessingResponse {
  /// The same response as a reply of this package, where it was written as a generated message.
  ///
  /// Throws a `CalloutError` where Envoy would refuse the message, or it says what no reply can.
  package consuming func asReply(to phase: Phase) throws(CalloutError) -> ProcessingResponse {
    guard case .message(let message) = content else { return self }
    _ = try message.checkedBytes(phase, nil)
    let attachments = try message.attachments()
    switch message.response {
    case .requestHeaders(let headers), .responseHeaders(let headers):
      var reply = try HeadersReply(headers.response)
      reply.attachments = attachments
      return .headers(phase, reply)
    case .requestBody(let body), .responseBody(let body):
      var reply = try BodyReply(body.response)
      reply.attachments = attachments
      return .body(phase, reply)
    case .requestTrailers(let trailers), .responseTrailers(let trailers):
      var reply = TrailersReply.mutate(HeaderMutation(trailers.headerMutation))
      reply.attachments = attachments
      return .trailers(phase, reply)
    case .immediateResponse(let immediate): return .immediate(ImmediateResponse(immediate))
    case .streamedImmediateResponse, nil:
      throw .illegal("it streams an answer as a message; answer with HeadersReply.streamed")
    }
  }
}

extension ProcessingResponseMessage {
  fileprivate func attachments() throws(CalloutError) -> ReplyAttachments {
    guard !hasModeOverride else { throw .illegal("it overrides the mode as a message; use HeadersReply.modeOverride") }
    var attachments = ReplyAttachments()
    guard hasDynamicMetadata || !typedDynamicMetadata.isEmpty else { return attachments }
    attachments.fields.dynamicMetadata = dynamicMetadata.fields.mapValues(\.structValue)
    attachments.fields.typedDynamicMetadata = typedDynamicMetadata
    return attachments
  }
}

extension HeadersReply {
  fileprivate init(_ response: Envoy_Service_ExtProc_V3_CommonResponse) throws(CalloutError) {
    self.init(.proceed)
    if response.status == .continueAndReplace { action = .replace(ByteBuffer(bytes: response.bodyMutation.body)) }
    headerMutation = HeaderMutation(response.headerMutation)
    if response.clearRouteCache_p { clearRouteCache = true }
  }
}

extension BodyReply {
  fileprivate init(_ response: Envoy_Service_ExtProc_V3_CommonResponse) throws(CalloutError) {
    self.init(.proceed)
    switch response.bodyMutation.mutation {
    case .body(let bytes): action = .replace(ByteBuffer(bytes: bytes))
    case .clearBody_p(true): action = .replace(ByteBuffer())
    case .clearBody_p(false), nil: break
    case .streamedResponse: throw .illegal("streamed_response is for the full duplex body modes only")
    }
    headerMutation = HeaderMutation(response.headerMutation)
    if response.clearRouteCache_p { clearRouteCache = true }
  }
}

extension ImmediateResponse {
  fileprivate init(_ message: Envoy_Service_ExtProc_V3_ImmediateResponse) {
    self.init(
      status: message.hasStatus ? message.status.code.rawValue : 200, headers: HeaderMutation(message.headers),
      body: ByteBuffer(bytes: message.body), grpcStatus: message.hasGrpcStatus ? message.grpcStatus.status : nil,
      details: message.details)
  }
}

extension HeaderMutation {
  fileprivate init(_ message: Envoy_Service_ExtProc_V3_HeaderMutation) {
    self.init(remove: message.removeHeaders)
    for option in message.setHeaders {
      set(option.header.key, .bytes(Array(option.header.rawValue)), Action(option))
    }
  }
}

extension HeaderMutation.Action {
  /// `append` where it is set, as Envoy up to 1.40 reads it, and `append_action` otherwise.
  fileprivate init(_ option: Envoy_Config_Core_V3_HeaderValueOption) {
    if option.hasAppend {
      self = option.append.value ? .append : .overwrite
    } else {
      self = HeaderMutation.Action(rawValue: option.appendAction.rawValue) ?? .append
    }
  }
}
