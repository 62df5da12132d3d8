// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf
internal import XDS

extension CalloutFilter.ExtProc {
  var message: ExtProcMessage {
    .with {
      $0.processingMode = processingMode
      $0.requestAttributes = requestAttributes
      $0.responseAttributes = responseAttributes
      $0.messageTimeout = .init(messageTimeout)
      if let maxMessageTimeout { $0.maxMessageTimeout = .init(maxMessageTimeout) }
      $0.failureModeAllow = failOpen
      if let statusOnError { $0.statusOnError.code = .init(rawValue: Int(statusOnError)) ?? .internalServerError }
      if headerRules != .init() { $0.mutationRules = headerRules.message }
      if let forwardedHeaders { $0.forwardRules.allowedHeaders = .init(forwardedHeaders) }
      $0.observabilityMode = observabilityMode
      $0.allowModeOverride = allowModeOverride
      $0.allowedOverrideModes = allowedOverrideModes
      if !forwardedNamespaces.isEmpty { $0.metadataOptions.forwardingNamespaces.untyped = forwardedNamespaces }
      if !acceptedNamespaces.isEmpty { $0.metadataOptions.receivingNamespaces.untyped = acceptedNamespaces }
      switch routeCache {
      case .whenServerAsks: break
      case .clear: $0.routeCacheAction = .clear
      case .retain: $0.routeCacheAction = .retain
      }
      $0.disableImmediateResponse = disableImmediateResponse
      $0.sendBodyWithoutWaitingForHeaderResponse = sendsBodyAtOnce
    }
  }
}

extension CalloutFilter.ExtProc.HeaderRules {
  fileprivate var message: Envoy_Config_Common_MutationRules_V3_HeaderMutationRules {
    .with {
      if allowAllRouting { $0.allowAllRouting = true }
      if allowEnvoy { $0.allowEnvoy = true }
      if disallowSystem { $0.disallowSystem = true }
      if disallowAll { $0.disallowAll = true }
      if let allowExpression { $0.allowExpression.regex = allowExpression }
      if let disallowExpression { $0.disallowExpression.regex = disallowExpression }
      if disallowIsError { $0.disallowIsError = true }
    }
  }
}

extension Envoy_Type_Matcher_V3_ListStringMatcher {
  /// Names of headers, of which each may end with `*`.
  init(_ names: [String]) {
    self.init()
    patterns = names.map { name in
      .with {
        $0.ignoreCase = true
        if name.hasSuffix("*") { $0.prefix = String(name.dropLast()) } else { $0.exact = name }
      }
    }
  }
}
