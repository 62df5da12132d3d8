// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import EnvoyAPI
internal import SwiftProtobuf

extension CheckResponseMessage {
  /// Throws where Envoy would refuse the message, or let a request pass that it seems to deny.
  func check() throws(CalloutError) {
    guard hasStatus else { throw .illegal("it has no status, which Envoy takes for OK: set one") }
    switch httpResponse {
    case nil: break
    case .okResponse(let response):
      try Self.check(response.headers + response.responseHeadersToAdd)
      try HeaderMutation(remove: response.headersToRemove).check()
    case .deniedResponse(let response), .errorResponse(let response):
      guard status.code != 0 else { throw .illegal("its status is OK, with which Envoy lets the request pass") }
      // A status that is missing is the filter's own, or 403.
      if response.status.code.rawValue != 0 { try ImmediateResponse.check(status: response.status.code.rawValue) }
      try Self.check(response.headers)
    }
  }

  private static func check(_ options: [Envoy_Config_Core_V3_HeaderValueOption]) throws(CalloutError) {
    var checked = HeaderMutation()
    for option in options {
      guard option.header.rawValue.isEmpty || !option.header.value.isEmpty else {
        throw .illegal("header '\(option.header.key)' has its value in `raw_value`, which Envoy ignores: use `value`")
      }
      checked.set(option.header.key, option.header.value)
    }
    try checked.check()
  }
}
