// SPDX-License-Identifier: Apache-2.0
public import Logging
internal import NIOConcurrencyHelpers

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
    /// The bytes of a secret, for HS256; one line break behind them is not part of it.
    case secret
    /// A JSON Web Key Set.
    case jwks
  }

  private let path: String
  private let format: Format
  private let current: NIOLockedValueBox<Contents>

  private struct Contents: Sendable {
    var bytes: [UInt8]
    var keys: [JWTKey]
    var problems: [JWTError] = []
  }

  /// Reads the file; throws a `JWTError` that names it where that cannot be done or it has no usable key.
  public init(_ path: String, format: Format) throws(JWTError) {
    self.path = path
    self.format = format
    current = NIOLockedValueBox(try Self.contents(try Self.read(path), format, path))
  }

  /// The keys as they were last read.
  public var keys: [JWTKey] { current.withLockedValue { $0.keys } }

  /// Why keys of the file are not among them.
  public var problems: [JWTError] { current.withLockedValue { $0.problems } }

  /// Reads the file again where it has changed, and says whether it had.
  ///
  /// Throws where what it now holds cannot be used; the keys stay as they were.
  @discardableResult
  public func reload() throws(JWTError) -> Bool {
    let bytes = try Self.read(path)
    guard bytes != current.withLockedValue({ $0.bytes }) else { return false }
    let contents = try Self.contents(bytes, format, path)
    current.withLockedValue { $0 = contents }
    return true
  }

  /// Looks at the file again and again until the task is cancelled; a file that cannot be used is logged, once for each
  /// reason.
  public func watch(every interval: Duration = .seconds(10), logger: Logger) async {
    var lastFailure: JWTError?
    while (try? await Task.sleep(for: interval)) != nil {
      do throws(JWTError) {
        if try reload() {
          logger.notice("keys reloaded", metadata: ["file": "\(path)", "keys": "\(keys.count)"])
          logProblems(to: logger)
        }
        lastFailure = nil
      } catch {
        if error != lastFailure { logger.error("the keys stay as they were", metadata: ["error": "\(error)"]) }
        lastFailure = error
      }
    }
  }

  /// Logs why keys of the file are not used.
  public func logProblems(to logger: Logger) {
    for problem in problems { logger.warning("a key is not used", metadata: ["reason": "\(problem)"]) }
  }

  private static func read(_ path: String) throws(JWTError) -> [UInt8] {
    guard let contents = FileManager.default.contents(atPath: path) else { throw .badKey("\(path) cannot be read") }
    return Array(contents)
  }

  private static func contents(_ bytes: [UInt8], _ format: Format, _ path: String) throws(JWTError) -> Contents {
    var contents = Contents(bytes: bytes, keys: [])
    do {
      switch format {
      case .publicKey: contents.keys = [try .publicKey(pem: bytes)]
      case .secret: contents.keys = [try .secret(bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes)]
      case .jwks: contents.keys = try JWTKey.keys(jwks: bytes) { contents.problems.append($0) }
      }
    } catch {
      throw .badKey("\(path): \(error)")
    }
    return contents
  }
}
