// SPDX-License-Identifier: Apache-2.0

/// Certificates or a key, PEM: the text itself, or a file that the proxy reads.
public enum PEMSource: Sendable, Hashable {
  case inline(String)
  /// A path on the proxy's machine.
  case file(String)
}

/// A certificate chain with its private key.
public struct ProxyCertificate: Sendable, Hashable {
  public var chain: PEMSource
  public var privateKey: PEMSource

  public init(chain: PEMSource, privateKey: PEMSource) {
    self.chain = chain
    self.privateKey = privateKey
  }
}

/// TLS of connections that a listener takes, from version 1.2 on.
public struct ServerTLS: Sendable, Hashable {
  /// The certificate of those who ask for no name, or for one that `named` does not have.
  public var certificate: ProxyCertificate?
  /// Certificates for names that clients ask for (SNI); a name may begin with `*.`.
  public var named: [NamedCertificate] = []
  /// Authorities whose certificates clients need, or nil where they need none.
  public var clientAuthorities: PEMSource?

  public init(_ certificate: ProxyCertificate?) { self.certificate = certificate }

  public struct NamedCertificate: Sendable, Hashable {
    public var names: [String]
    public var certificate: ProxyCertificate

    public init(_ names: [String], _ certificate: ProxyCertificate) {
      self.names = names
      self.certificate = certificate
    }
  }
}

/// TLS of connections that the proxy makes.
public struct ClientTLS: Sendable, Hashable {
  /// The name that is asked for (SNI) and that the certificate has to be for, or nil for neither.
  public var serverName: String?
  /// The authorities that are trusted, or nil: then any certificate is taken.
  public var authorities: PEMSource?
  /// The proxy's own certificate, where the server wants one.
  public var certificate: ProxyCertificate?

  public init(serverName: String? = nil, authorities: PEMSource? = nil, certificate: ProxyCertificate? = nil) {
    self.serverName = serverName
    self.authorities = authorities
    self.certificate = certificate
  }
}
