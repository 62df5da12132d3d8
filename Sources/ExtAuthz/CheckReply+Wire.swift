// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import EnvoyAPI
internal import NIOCore
internal import SwiftProtobuf

extension CheckReply {
  /// The serialized answer to a request. Throws where Envoy would refuse it, or do something else than it says.
  func serialized(for request: CheckRequest) throws(CalloutError) -> ByteBuffer {
    if case .allow = form, metadata.isEmpty { return Self.allowBytes }
    let message = try message(for: request)
    do {
      return ByteBuffer(bytes: try message.serializedBytes() as [UInt8])
    } catch {
      throw .illegal("it cannot be serialized: \(error)")
    }
  }

  /// CheckResponse{status = 1 {}, ok_response = 3 {}}
  private static let allowBytes = ByteBuffer(bytes: [0x0a, 0, 0x1a, 0])

  /// The answer that stands in for a denial which cannot be sent as it is: nothing but the denial.
  static func bareDenial(_ code: DenialCode) -> ByteBuffer {
    // CheckResponse{status = 1 {code = 1}}, whose codes are below 128.
    ByteBuffer(bytes: [0x0a, 2, 0x08, UInt8(code.rawValue)])
  }

  private func message(for request: CheckRequest) throws(CalloutError) -> CheckResponseMessage {
    var message = CheckResponseMessage()
    switch form {
    case .allow:
      message.status = .init()
      message.okResponse = .init()
    case .change(let headers, let response, let query):
      message.status = .init()
      message.okResponse = try Self.okResponse(headers, response, query, for: request)
    case .deny(let response, let code):
      try ImmediateResponse.check(status: response.status)
      message.status.code = code.rawValue
      message.status.message = response.details
      message.deniedResponse = try Self.answer(response.status, response.headers, try Self.text(of: response.body))
    case .error(let status, let headers, let body):
      if let status { try ImmediateResponse.check(status: status) }
      // Envoy 1.36, which does not know error_response, denies with any code but OK.
      message.status.code = DenialCode.unavailable.rawValue
      message.errorResponse = try Self.answer(status, headers, body)
    case .complete(let complete):
      try complete.check()
      message = complete
    }
    for (name, value) in metadata { message.dynamicMetadata.fields[name] = value }
    return message
  }

  private static func okResponse(
    _ headers: HeaderMutation, _ response: HeaderMutation, _ query: QueryMutation, for request: CheckRequest
  ) throws(CalloutError) -> Envoy_Service_Auth_V3_OkHttpResponse {
    var message = Envoy_Service_Auth_V3_OkHttpResponse()
    (message.headers, message.headersToRemove) = try HeaderPlan.forRequest(headers, having: request.headers)
    message.responseHeadersToAdd = try HeaderPlan.forResponse(response)
    guard !query.isEmpty else { return message }
    message.queryParametersToSet = query.encodedSettings.map { name, value in
      .with { ($0.key, $0.value) = (name, value) }
    }
    message.queryParametersToRemove = query.encodedRemovals(from: request.path)
    return message
  }

  private static func answer(
    _ status: Int?, _ headers: HeaderMutation, _ body: String
  ) throws(CalloutError) -> Envoy_Service_Auth_V3_DeniedHttpResponse {
    var message = Envoy_Service_Auth_V3_DeniedHttpResponse()
    if let status { message.status.code = Envoy_Type_V3_StatusCode(rawValue: status) ?? .UNRECOGNIZED(status) }
    message.headers = try HeaderPlan.forAnswer(headers)
    message.body = body
    return message
  }

  private static func text(of body: ByteBuffer) throws(CalloutError) -> String {
    guard let text = String(validating: body.readableBytesView, as: UTF8.self) else {
      throw .illegal("the body of the denial is no UTF-8, which ext_authz cannot carry")
    }
    return text
  }
}
