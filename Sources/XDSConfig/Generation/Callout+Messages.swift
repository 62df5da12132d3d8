// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf
internal import XDS

extension Callout {
  /// The configuration of its filter.
  var filterConfiguration: Google_Protobuf_Any {
    switch filter {
    case .extProc(let filter):
      var message = filter.message
      message.grpcService = grpcService
      message.statPrefix = name
      return .init(stable: message)
    case .networkExtProc(let filter):
      var message = filter.message
      message.grpcService = grpcService
      message.statPrefix = name
      return .init(stable: message)
    case .extAuthz(let filter):
      var message = filter.message
      message.grpcService = grpcService
      message.grpcService.timeout = .init(filter.timeout)
      message.statPrefix = name
      return .init(stable: message)
    }
  }

  private var grpcService: GRPCServiceMessage {
    .with {
      $0.envoyGrpc.clusterName = server.cluster
      $0.envoyGrpc.authority = server.sentAuthority
    }
  }

  /// The configuration of its filter for a route, which also turns on one that the listener has turned off.
  func routeConfiguration(_ override: ProxyConfiguration.CalloutOverride) -> Google_Protobuf_Any {
    if case .extAuthz = filter {
      return .init(
        stable: ExtAuthzRouteMessage.with {
          if override.isEnabled {
            $0.checkSettings.contextExtensions = override.contextExtensions ?? [:]
          } else {
            $0.disabled = true
          }
        })
    }
    return .init(
      stable: ExtProcRouteMessage.with {
        guard override.isEnabled else { return $0.disabled = true }
        $0.overrides = .init()
        if let mode = override.processingMode { $0.overrides.processingMode = mode }
        if let failOpen = override.failOpen { $0.overrides.failureModeAllow = .init(failOpen) }
        $0.overrides.requestAttributes = override.requestAttributes ?? []
        $0.overrides.responseAttributes = override.responseAttributes ?? []
      })
  }
}

extension CalloutFilter {
  /// Whether the proxy keeps bodies back until it has them whole.
  var buffersBodies: Bool {
    switch self {
    case .extProc(let filter):
      [filter.processingMode.requestBodyMode, filter.processingMode.responseBodyMode].contains {
        $0 == .buffered || $0 == .bufferedPartial
      }
    case .extAuthz(let filter): filter.maxRequestBytes != nil
    case .networkExtProc: false
    }
  }
}

extension CalloutFilter.NetworkExtProc {
  fileprivate var message: NetworkExtProcMessage {
    .with {
      $0.failureModeAllow = failOpen
      $0.messageTimeout = .init(messageTimeout)
      $0.processingMode.processRead = processesRead ? .streamed : .skip
      $0.processingMode.processWrite = processesWrite ? .streamed : .skip
      if !forwardedNamespaces.isEmpty { $0.metadataOptions.forwardingNamespaces.untyped = forwardedNamespaces }
    }
  }
}

extension CalloutFilter.ExtAuthz {
  fileprivate var message: ExtAuthzMessage {
    .with {
      $0.transportApiVersion = .v3
      $0.failureModeAllow = failOpen
      if let statusOnError { $0.statusOnError.code = .init(rawValue: Int(statusOnError)) ?? .forbidden }
      if let maxRequestBytes {
        $0.withRequestBody.maxRequestBytes = maxRequestBytes
        $0.withRequestBody.allowPartialMessage = allowPartialBody
        $0.withRequestBody.packAsBytes = true
      }
      if let forwardedHeaders { $0.allowedHeaders = .init(forwardedHeaders) }
      $0.clearRouteCache_p = clearRouteCache
      $0.metadataContextNamespaces = forwardedNamespaces
      $0.includePeerCertificate = includePeerCertificate
      $0.includeTlsSession = includeTLSSession
    }
  }
}
