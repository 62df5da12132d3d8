// SPDX-License-Identifier: Apache-2.0
internal import CalloutTransport
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// The TLS context of the moment: from files, which are read again when they change, or self-signed.
final class TLSIdentitySource: Sendable {
  private let paths: Paths
  private let clientTrustRoots: [UInt8]?
  private let logger: Logger
  private let current: NIOLockedValueBox<Current>

  private struct Paths {
    let certificateChain: String?
    let privateKey: String?
    let clientAuthorities: String?
  }

  private struct Current {
    var identity: TLSIdentity
    var context: TLSContext
    /// The same, for clients that have a certificate too.
    var mutual: TLSContext
  }

  /// `http/1.1` is for the health check and REST discovery, which share the certificate.
  private static let protocols = ["h2", "http/1.1"]

  /// Throws `StartupError` naming the file that cannot be used.
  init(_ configuration: ServerConfiguration, logger: Logger) throws {
    paths = Paths(
      certificateChain: configuration.certificateChainPath, privateKey: configuration.privateKeyPath,
      clientAuthorities: configuration.xdsClientAuthoritiesPath)
    clientTrustRoots = try paths.clientAuthorities.map { try Self.contents(of: $0, "--xds-client-ca") }
    self.logger = logger
    let identity: TLSIdentity
    switch (paths.certificateChain, paths.privateKey) {
    case (nil, nil):
      identity = try TLSIdentity.selfSigned()
      logger.notice(
        "no certificate given, made a self-signed one",
        metadata: ["sha256": "\(identity.fingerprint ?? "unknown")"])
    case (let chain?, let key?): identity = try Self.read(chain: chain, key: key)
    case (nil, _?): throw StartupError("--private-key-path is given without --cert-chain-path: give both or neither")
    case (_?, nil): throw StartupError("--cert-chain-path is given without --private-key-path: give both or neither")
    }
    current = NIOLockedValueBox(try Self.make(identity, paths, clientTrustRoots: clientTrustRoots))
  }

  var context: TLSContext { current.withLockedValue { $0.context } }

  /// For clients that must have a certificate of one of the given authorities.
  var mutualContext: TLSContext { current.withLockedValue { $0.mutual } }

  /// The certificate in use, PEM, for clients that are to trust a self-signed one.
  var certificateChain: [UInt8] { current.withLockedValue { $0.identity.certificateChain } }

  /// Looks at the files; a changed pair that cannot be used is logged and the old one stays.
  func reload() {
    guard let chain = paths.certificateChain, let key = paths.privateKey else { return }
    do {
      let identity = try Self.read(chain: chain, key: key)
      guard identity != current.withLockedValue({ $0.identity }) else { return }
      let made = try Self.make(identity, paths, clientTrustRoots: clientTrustRoots)
      current.withLockedValue { $0 = made }
      logger.notice("certificate reloaded", metadata: ["sha256": "\(identity.fingerprint ?? "unknown")"])
    } catch {
      logger.error("the changed certificate cannot be used, the old one stays", metadata: ["error": "\(error)"])
    }
  }

  private static func read(chain: String, key: String) throws -> TLSIdentity {
    TLSIdentity(
      certificateChain: try contents(of: chain, "--cert-chain-path"),
      privateKey: try contents(of: key, "--private-key-path"))
  }

  private static func contents(of path: String, _ flag: String) throws -> [UInt8] {
    guard let data = try? Data(contentsOf: URL(filePath: path)) else {
      throw StartupError("\(flag): cannot read '\(path)': check that it exists and is readable")
    }
    return Array(data)
  }

  private static func make(
    _ identity: TLSIdentity, _ paths: Paths, clientTrustRoots: [UInt8]?
  ) throws -> Current {
    Current(
      identity: identity, context: try context(identity, paths, clientTrustRoots: nil),
      mutual: try context(identity, paths, clientTrustRoots: clientTrustRoots))
  }

  private static func context(
    _ identity: TLSIdentity, _ paths: Paths, clientTrustRoots: [UInt8]?
  ) throws -> TLSContext {
    do {
      return try TLSContext(serverIdentity: identity, protocols: protocols, clientTrustRoots: clientTrustRoots)
    } catch {
      let (chain, key) = (paths.certificateChain ?? "", paths.privateKey ?? "")
      switch error.code {
      case .privateKeyMismatch:
        throw StartupError(
          "--private-key-path: the key in '\(key)' does not belong to the certificate in '\(chain)': give its own key")
      case .privateKeyUnusable:
        throw StartupError("--private-key-path: '\(key)' holds no usable key: \(error): give an unencrypted PEM key")
      case .trustRootsUnusable:
        throw StartupError(
          "--xds-client-ca: '\(paths.clientAuthorities ?? "")' holds no PEM certificate: give one or more")
      default:
        throw StartupError("--cert-chain-path: '\(chain)' cannot be used: \(error): give a PEM certificate chain")
      }
    }
  }
}
