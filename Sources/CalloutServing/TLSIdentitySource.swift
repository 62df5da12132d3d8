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
  private let certificateChainPath: String?
  private let privateKeyPath: String?
  private let protocols: [String]
  private let logger: Logger
  private let current: NIOLockedValueBox<(context: TLSContext, identity: TLSIdentity)>

  /// Throws `StartupError` naming the file that cannot be used.
  init(_ configuration: ServerConfiguration, logger: Logger) throws {
    certificateChainPath = configuration.certificateChainPath
    privateKeyPath = configuration.privateKeyPath
    // http/1.1 is for the health check, which shares the certificate.
    protocols = ["h2", "http/1.1"]
    self.logger = logger
    let identity: TLSIdentity
    switch (certificateChainPath, privateKeyPath) {
    case (nil, nil):
      identity = try TLSIdentity.selfSigned()
      logger.notice(
        "no certificate given, made a self-signed one",
        metadata: ["sha256": "\(identity.fingerprint ?? "unknown")"])
    case (let chain?, let key?): identity = try Self.read(chain: chain, key: key)
    case (nil, _?): throw StartupError("--private-key-path is given without --cert-chain-path: give both or neither")
    case (_?, nil): throw StartupError("--cert-chain-path is given without --private-key-path: give both or neither")
    }
    current = NIOLockedValueBox((try Self.context(identity, protocols, certificateChainPath, privateKeyPath), identity))
  }

  var context: TLSContext { current.withLockedValue { $0.context } }

  /// The certificate in use, PEM, for clients that are to trust a self-signed one.
  var certificateChain: [UInt8] { current.withLockedValue { $0.identity.certificateChain } }

  /// Looks at the files; a changed pair that cannot be used is logged and the old one stays.
  func reload() {
    guard let certificateChainPath, let privateKeyPath else { return }
    do {
      let identity = try Self.read(chain: certificateChainPath, key: privateKeyPath)
      guard identity != current.withLockedValue({ $0.identity }) else { return }
      let context = try Self.context(identity, protocols, certificateChainPath, privateKeyPath)
      current.withLockedValue { $0 = (context, identity) }
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

  private static func context(
    _ identity: TLSIdentity, _ protocols: [String], _ chain: String?, _ key: String?
  ) throws -> TLSContext {
    do {
      return try TLSContext(serverIdentity: identity, protocols: protocols)
    } catch {
      let (chain, key) = (chain ?? "", key ?? "")
      switch error.code {
      case .privateKeyMismatch:
        throw StartupError(
          "--private-key-path: the key in '\(key)' does not belong to the certificate in '\(chain)': give its own key")
      case .privateKeyUnusable:
        throw StartupError("--private-key-path: '\(key)' holds no usable key: \(error): give an unencrypted PEM key")
      default:
        throw StartupError("--cert-chain-path: '\(chain)' cannot be used: \(error): give a PEM certificate chain")
      }
    }
  }
}
