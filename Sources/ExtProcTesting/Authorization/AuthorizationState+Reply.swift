// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import ExtAuthz
internal import SwiftProtobuf

extension AuthorizationState {
  typealias Option = Envoy_Config_Core_V3_HeaderValueOption

  mutating func handle(_ reply: CheckResponseMessage) throws(ExchangeFailure) {
    exchange.reply = reply
    if !reply.hasStatus { exchange.warnings.append("the reply has no status, which Envoy takes for OK; set one") }
    switch reply.httpResponse {
    case .errorResponse(let response) where reply.status.code != 0: try handle(error: response)
    case _ where reply.status.code != 0:
      if case .okResponse = reply.httpResponse {
        exchange.warnings.append("ok_response was ignored: the status denies")
      }
      exchange.dynamicMetadata = reply.dynamicMetadata.fields
      let status = reply.deniedResponse.status.code.rawValue
      try answer(status == 0 ? 403 : status, "ext_authz_denied", reply.deniedResponse)
    case .okResponse(let response):
      exchange.dynamicMetadata =
        response.hasDynamicMetadata ? response.dynamicMetadata.fields : reply.dynamicMetadata.fields
      try handle(ok: response)
    case .deniedResponse, .errorResponse:
      exchange.warnings.append("the request passes, for the status is OK; set another code to deny it")
      fallthrough
    case nil:
      exchange.dynamicMetadata = reply.dynamicMetadata.fields
      pass()
    }
  }

  private mutating func handle(error response: Envoy_Service_Auth_V3_DeniedHttpResponse) throws(ExchangeFailure) {
    let code = response.status.code.rawValue
    let status = code == 0 ? filter.statusOnError : code
    if filter.failureModeAllow {
      return try fail(
        ExchangeFailure(status, "ext_authz_error", canBeAllowed: true, "the server says that it cannot decide"))
    }
    try answer(status, "ext_authz_error", response)
  }

  private mutating func answer(
    _ status: Int, _ details: String, _ response: Envoy_Service_Auth_V3_DeniedHttpResponse
  ) throws(ExchangeFailure) {
    guard status >= 200 else {
      throw ExchangeFailure(status, details, "\(status) is the status of no answer; give one of 200 or more")
    }
    var fields: HTTPFields = [:]
    for option in response.headers {
      let (name, value) = (option.header.key.lowercased(), option.header.value)
      guard isLegal(name, value) else {
        if filter.validateMutations { throw invalid("the header '\(name)' has a character that it cannot have") }
        throw ExchangeFailure(
          status, details, "the header '\(name)' has a character that it cannot have, so that Envoy sends no answer")
      }
      if option.append.value {
        warn(name, "it has `append`, which Envoy drops in an answer of its own")
      } else if !Self.ownFields.contains(name), !name.hasPrefix(":"), !name.isEmpty {
        fields.add(name, value)
      } else {
        warn(name, "Envoy sets it by itself")
      }
    }
    answer(status, details, fields: fields, body: response.body)
  }

  /// What Envoy has its own of, in answers of its own.
  private static let ownFields: Set = ["content-length", "connection", "transfer-encoding"]

  mutating func warn(_ name: String, _ reason: String) {
    exchange.warnings.append("the header '\(name)' was ignored: \(reason)")
  }

  func invalid(_ reason: String) -> ExchangeFailure { ExchangeFailure(500, "ext_authz_invalid", reason) }

  func isLegal(_ name: String, _ value: String) -> Bool {
    // An empty name goes for one.
    name.isEmpty || HeaderMutation.isLegal(name.hasPrefix(":") ? String(name.dropFirst()) : name, value)
  }
}
