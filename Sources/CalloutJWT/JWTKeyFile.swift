// SPDX-License-Identifier: Apache-2.0
public import Logging
internal import Synchronization

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// The keys of a file, which is read again when it changes. Safe to use from any thread.
public final class JWTKeyFile: Sendable {
  /// What the file holds.
  public enum Format: Sendable {
    /// A public key in PEM, for RS256 or ES256.
    case publicKey
    /// The bytes of a secret, without a line break behind them, for HS256.
    case secret
    /// A JSON Web Key Set.
    case jwks
  }

  private let path: String
  private let format: Format
  private let current: Mutex<(contents: [UInt8], keys: [JWTKey])>

  /// Reads the file; throws a `JWTError` that names it where that cannot be done or it has no usable key.
  public init(_ path: String, format: Format) throws(JWTError) {
    self.path = path
    self.format = format
    let contents = try Self.read(path)
    current = Mutex((contents, try Self.keys(in: contents, format, path)))
  }

  /// The keys as they were last read.
  public var keys: [JWTKey] { current.withLock { $0.keys } }

  /// Reads the file again where it has changed, and says whether it had.
  ///
  /// Throws where what it now holds cannot be used; the keys stay as they were.
  @discardableResult
  public func reload() throws(JWTError) -> Bool {
    let contents = try Self.read(path)
    guard contents != current.withLock({ $0.contents }) else { return false }
    let keys = try Self.keys(in: contents, format, path)
    current.withLock { $0 = (contents, keys) }
    return true
  }

  /// Looks at the file again and again until the task is cancelled; a file that cannot be used is logged, once for each
  /// reason.
  public func watch(every interval: Duration = .seconds(10), logger: Logger) async {
    var lastFailure: JWTError?
    while (try? await Task.sleep(for: interval)) != nil {
      do throws(JWTError) {
        if try reload() { logger.notice("keys reloaded", metadata: ["file": "\(path)", "keys": "\(keys.count)"]) }
        lastFailure = nil
      } catch {
        if error != lastFailure { logger.error("the keys stay as they were", metadata: ["error": "\(error)"]) }
        lastFailure = error
      }
    }
  }

  private static func read(_ path: String) throws(JWTError) -> [UInt8] {
    guard let contents = FileManager.default.contents(atPath: path) else { throw .badKey("\(path) cannot be read") }
    return Array(contents)
  }

  private static func keys(in contents: [UInt8], _ format: Format, _ path: String) throws(JWTError) -> [JWTKey] {
    do {
      switch format {
      case .publicKey: return [try .publicKey(pem: contents)]
      case .secret: return [try .secret(contents)]
      case .jwks: return try JWTKey.keys(jwks: contents)
      }
    } catch {
      throw .badKey("\(path): \(error)")
    }
  }
}
