// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import SwiftProtobuf

extension ProcessingResponseMessage {
  /// The serialized message, if Envoy would take it as the answer in this phase and body mode.
  func checkedBytes(_ phase: Phase, _ mode: BodySendMode?) throws(CalloutError) -> [UInt8] {
    switch response {
    case nil: throw .illegal("it answers nothing: set one of its responses")
    case .requestHeaders(let headers), .responseHeaders(let headers):
      try Self.check(headers.response.headerMutation)
    case .requestBody(let body), .responseBody(let body):
      try Self.check(body.response.headerMutation)
      try Self.check(body.response.bodyMutation, mode)
    case .requestTrailers(let trailers), .responseTrailers(let trailers): try Self.check(trailers.headerMutation)
    case .immediateResponse(let immediate):
      // Envoy makes 200 of a missing status, as it is meant to.
      if immediate.hasStatus { try ImmediateResponse.check(status: immediate.status.code.rawValue) }
      try Self.check(immediate.headers)
    case .streamedImmediateResponse:
      guard phase == .requestHeaders else {
        throw .illegal("a streamed immediate response can only answer request headers, not \(phase)")
      }
    }
    do {
      return try serializedBytes()
    } catch {
      throw .illegal("it cannot be serialized: \(error)")
    }
  }

  private static func check(_ mutation: Envoy_Service_ExtProc_V3_BodyMutation, _ mode: BodySendMode?)
    throws(CalloutError)
  {
    let isDuplex = mode == .fullDuplexStreamed || mode == .grpc
    switch mutation.mutation {
    case .streamedResponse? where !isDuplex:
      throw .illegal("streamed_response is for the full duplex and GRPC body modes only")
    case .body? where isDuplex, .clearBody_p? where isDuplex, nil where isDuplex:
      throw .illegal("in the full duplex and GRPC body modes a body is answered with streamed_response")
    default: break
    }
  }

  private static func check(_ mutation: Envoy_Service_ExtProc_V3_HeaderMutation) throws(CalloutError) {
    var checked = HeaderMutation(remove: mutation.removeHeaders)
    for option in mutation.setHeaders {
      guard option.header.value.isEmpty else {
        throw .illegal("header '\(option.header.key)' has its value in `value`, which Envoy ignores: use `raw_value`")
      }
      checked.set(option.header.key, .bytes(Array(option.header.rawValue)), .overwrite)
    }
    try checked.check()
  }
}
