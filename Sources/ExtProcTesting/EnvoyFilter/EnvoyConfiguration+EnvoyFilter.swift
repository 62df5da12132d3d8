// SPDX-License-Identifier: Apache-2.0
public import CalloutServing
internal import Callouts
internal import Foundation
internal import SwiftProtobuf

extension EnvoyConfiguration.Callout {
  /// The same filter in a real Envoy, which asks the server at an address.
  ///
  /// The attributes' values are what Envoy finds them to be, and `streamIdleTimeout`, `bufferLimit`, `forwardedMetadata` and
  /// `initialMetadata` are not taken over: they are not the filter's alone.
  public init(_ address: ListenAddress, trusting roots: [UInt8]? = nil, _ filter: EnvoyFilter) throws {
    self.init(address, trusting: roots) { $0 = filter.processingMode }
    messageTimeout = filter.messageTimeout
    failureModeAllow = filter.failureModeAllow
    allowModeOverride = filter.allowModeOverride
    observabilityMode = filter.observabilityMode
    allowAllRouting = filter.mutationRules.allowAllRouting
    requestAttributes = filter.requestAttributes.keys.sorted()
    responseAttributes = filter.responseAttributes.keys.sorted()
    furtherJSON = String(decoding: try JSONSerialization.data(withJSONObject: filter.further()), as: UTF8.self)
  }
}

extension EnvoyFilter {
  fileprivate func further() throws -> [String: Any] {
    let (seconds, attoseconds) = maxMessageTimeout.components
    return [
      "max_message_timeout": "\(Double(seconds) + Double(attoseconds) / 1e18)s",
      "status_on_error": ["code": statusOnError],
      "disable_immediate_response": disableImmediateResponse,
      "send_body_without_waiting_for_header_response": sendBodyWithoutWaitingForHeaderResponse,
      "route_cache_action": routeCacheAction.rawValue,
      "allowed_override_modes": try allowedOverrideModes.map {
        try JSONSerialization.jsonObject(with: $0.jsonUTF8Data() as Data)
      },
      "mutation_rules": [
        "allow_all_routing": mutationRules.allowAllRouting, "allow_envoy": mutationRules.allowEnvoy,
        "disallow_system": mutationRules.disallowSystem, "disallow_all": mutationRules.disallowAll,
        "disallow_is_error": mutationRules.disallowIsError,
      ],
      "metadata_options": [
        "receiving_namespaces": ["untyped": receivingNamespaces, "typed": typedReceivingNamespaces]
      ],
    ]
  }
}
