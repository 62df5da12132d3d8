// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf

extension ProxyGenerator {
  typealias CommonTLS = Envoy_Extensions_TransportSockets_Tls_V3_CommonTlsContext

  /// TLS to the servers of a cluster.
  mutating func transportSocket(
    _ tls: ClientTLS, of cluster: String, _ version: ProxyConfiguration.Upstream.HTTPVersion
  ) -> TransportSocketMessage {
    var context = UpstreamTLSMessage()
    if let name = tls.serverName, ProxyAddress(name, 0).isName { context.sni = name }
    context.commonTlsContext = Self.commonTLS(version == .http2 ? ["h2"] : ["http/1.1"])
    if let certificate = tls.certificate {
      add(certificate, "cluster/\(cluster)", to: &context.commonTlsContext)
    }
    if let authorities = tls.authorities {
      trust(authorities, as: tls.serverName, "cluster/\(cluster)/authorities", in: &context.commonTlsContext)
    }
    return .tls(context)
  }

  /// TLS from clients.
  mutating func transportSocket(
    _ certificate: ProxyCertificate, named secret: String, clients: PEMSource?, of listener: String,
    protocols: [String]
  ) -> TransportSocketMessage {
    var context = DownstreamTLSMessage()
    context.commonTlsContext = Self.commonTLS(protocols)
    add(certificate, secret, to: &context.commonTlsContext)
    if let clients {
      context.requireClientCertificate = true
      trust(clients, as: nil, "listener/\(listener)/clients", in: &context.commonTlsContext)
    }
    return .tls(context)
  }

  private static func commonTLS(_ protocols: [String]) -> CommonTLS {
    .with {
      $0.tlsParams.tlsMinimumProtocolVersion = .tlsv12
      $0.alpnProtocols = protocols
    }
  }

  private mutating func add(_ certificate: ProxyCertificate, _ name: String, to context: inout CommonTLS) {
    let message = Envoy_Extensions_TransportSockets_Tls_V3_TlsCertificate.with {
      $0.certificateChain = certificate.chain.message
      $0.privateKey = certificate.privateKey.message
    }
    switch form {
    case .inline: context.tlsCertificates = [message]
    case .xds:
      context.tlsCertificateSdsSecretConfigs = [secret(name) { $0.tlsCertificate = message }]
    }
  }

  private mutating func trust(
    _ authorities: PEMSource, as serverName: String?, _ name: String, in context: inout CommonTLS
  ) {
    let message = Envoy_Extensions_TransportSockets_Tls_V3_CertificateValidationContext.with {
      $0.trustedCa = authorities.message
      guard let serverName else { return }
      $0.matchTypedSubjectAltNames = [
        .with {
          $0.sanType = ProxyAddress(serverName, 0).isName ? .dns : .ipAddress
          $0.matcher.exact = serverName
        }
      ]
    }
    switch form {
    case .inline: context.validationContext = message
    case .xds: context.validationContextSdsSecretConfig = secret(name) { $0.validationContext = message }
    }
  }

  /// Adds a secret, which chains of the same listener share, and says where it is.
  private mutating func secret(
    _ name: String, _ set: (inout SecretMessage) -> Void
  ) -> Envoy_Extensions_TransportSockets_Tls_V3_SdsSecretConfig {
    var secret = SecretMessage()
    secret.name = name
    set(&secret)
    if !secrets.contains(secret) { secrets.append(secret) }
    return .with {
      $0.name = name
      $0.sdsConfig = Self.ads
    }
  }
}

extension PEMSource {
  fileprivate var message: DataSourceMessage {
    .with {
      switch self {
      case .inline(let text): $0.inlineString = text
      case .file(let path): $0.filename = path
      }
    }
  }
}

extension TransportSocketMessage {
  fileprivate static func tls(_ context: some Message) -> TransportSocketMessage {
    .with {
      $0.name = "envoy.transport_sockets.tls"
      $0.typedConfig = .init(stable: context)
    }
  }
}
