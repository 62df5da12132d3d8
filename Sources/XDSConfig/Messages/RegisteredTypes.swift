// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf

/// JSON has the content of an `Any`, for which its type has to be known: for bootstraps, and for discovery by REST.
enum RegisteredTypes {
  /// Makes the types known, at the first call.
  static func register() { _ = registered }

  private static let registered: Void = {
    let types: [any Message.Type] = [
      ClusterMessage.self, ClusterLoadAssignmentMessage.self, ExtensionConfigMessage.self, ListenerMessage.self,
      RouteConfigurationMessage.self, RuntimeMessage.self, ScopedRouteConfigurationMessage.self, SecretMessage.self,
      ConnectionManagerMessage.self, DownstreamTLSMessage.self, ExtAuthzMessage.self, ExtAuthzRouteMessage.self,
      ExtProcMessage.self, ExtProcRouteMessage.self, FilterConfigMessage.self, HTTPProtocolOptionsMessage.self,
      NetworkExtProcMessage.self, RouterMessage.self, TCPProxyMessage.self, UpstreamTLSMessage.self,
      Envoy_Extensions_AccessLoggers_File_V3_FileAccessLog.self,
      Envoy_Extensions_AccessLoggers_Stream_V3_StdoutAccessLog.self,
      Envoy_Extensions_Filters_Listener_TlsInspector_V3_TlsInspector.self,
    ]
    for type in types { Google_Protobuf_Any.register(messageType: type) }
  }()
}
