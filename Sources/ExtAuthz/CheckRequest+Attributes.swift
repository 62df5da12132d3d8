// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
public import SwiftProtobuf

extension CheckRequest {
  /// Who sent the request: the client, or a proxy before this one.
  public var source: Peer { Peer(attributes(1).source) }
  /// Where the request arrived.
  public var destination: Peer { Peer(attributes(2).destination) }
  /// The name of the server that the client asked for in its TLS handshake, where the filter has `include_tls_session`.
  public var serverName: String? {
    let name = attributes(12).tlsSession.sni
    return name.isEmpty ? nil : name
  }
  /// When the request's first byte arrived.
  public var time: Google_Protobuf_Timestamp? {
    let request = attributes(4).request
    return request.hasTime ? request.time : nil
  }
  /// What the filter's `context_extensions` of the route or the virtual host say.
  public var contextExtensions: [String: String] { attributes(10).contextExtensions }
  /// The dynamic metadata that the filter forwards, by namespace: its `metadata_context_namespaces`.
  public var filterMetadata: [String: Google_Protobuf_Struct] { attributes(11).metadataContext.filterMetadata }
  /// The same metadata where it has types of its own: `typed_metadata_context_namespaces`.
  public var typedFilterMetadata: [String: Google_Protobuf_Any] { attributes(11).metadataContext.typedFilterMetadata }
  /// The route's metadata, by namespace: the filter's `route_metadata_context_namespaces`.
  public var routeMetadata: [String: Google_Protobuf_Struct] { attributes(13).routeMetadataContext.filterMetadata }
  /// The same metadata where it has types of its own: `route_typed_metadata_context_namespaces`.
  public var typedRouteMetadata: [String: Google_Protobuf_Any] {
    attributes(13).routeMetadataContext.typedFilterMetadata
  }

  /// The attributes with one field alone.
  private func attributes(_ field: Int) -> Envoy_Service_Auth_V3_AttributeContext { decoded(attributes.only(field)) }

  /// One end of a connection. Source: `AttributeContext.Peer`.
  public struct Peer: Sendable, Hashable {
    /// The IP address as text, or the path of a Unix-domain socket.
    public let address: String
    /// The port, or nil for a Unix-domain socket.
    public let port: Int?
    /// The service, as the proxy's bootstrap or `x-envoy-downstream-service-cluster` names it.
    public let service: String
    public let labels: [String: String]
    /// The identity that its certificate proves: a URI or DNS name of it, or its subject.
    public let principal: String
    /// The certificate, PEM in URL encoding, where the filter has `include_peer_certificate`.
    public let certificate: String

    init(_ peer: Envoy_Service_Auth_V3_AttributeContext.Peer) {
      switch peer.address.address {
      case .socketAddress(let socket):
        address = socket.address
        port = Int(socket.portValue)
      case .pipe(let pipe):
        address = pipe.path
        port = nil
      case .envoyInternalAddress(let listener):
        address = listener.serverListenerName
        port = nil
      case nil:
        address = ""
        port = nil
      }
      service = peer.service
      labels = peer.labels
      principal = peer.principal
      certificate = peer.certificate
    }
  }
}
