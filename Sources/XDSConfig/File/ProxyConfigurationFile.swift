// SPDX-License-Identifier: Apache-2.0
public import Logging
internal import NIOConcurrencyHelpers

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

extension ProxyConfiguration {
  /// Reads a description of a proxy, as `docs/proxy-yaml.md` has it.
  ///
  /// - Parameters:
  ///   - file: what errors call the file.
  ///   - ownCallouts: the callouts of this server, which the file may name without describing them.
  public init(yaml: String, file: String = "proxy.yaml", ownCallouts: [Callout] = []) throws(ProxyFileError) {
    self = try ProxyFileReader(file: file, ownCallouts: ownCallouts).read(yaml)
  }
}

/// A file that describes a proxy, which is read again when it changes. Safe to use from any thread.
public final class ProxyConfigurationFile: Sendable {
  private let path: String
  private let name: String
  private let ownCallouts: [Callout]
  private let current: NIOLockedValueBox<(bytes: [UInt8], configuration: ProxyConfiguration)>

  /// Reads the file; throws what is wrong with it.
  ///
  /// - Parameter ownCallouts: the callouts of this server, which the file may name without describing them.
  public init(_ path: String, ownCallouts: [Callout] = []) throws(ProxyFileError) {
    self.path = path
    self.ownCallouts = ownCallouts
    name = path.split(separator: "/").last.map(String.init) ?? path
    let bytes = try Self.read(path, name)
    current = NIOLockedValueBox((bytes, try Self.configuration(bytes, name, ownCallouts)))
  }

  /// The configuration as it was last read.
  public var configuration: ProxyConfiguration { current.withLockedValue { $0.configuration } }

  /// Reads the file again where it has changed, and gives the new configuration, or nil where it is the same.
  ///
  /// Throws what is wrong with the changed file; the configuration stays as it was.
  @discardableResult
  public func reload() throws(ProxyFileError) -> ProxyConfiguration? {
    let bytes = try Self.read(path, name)
    guard bytes != current.withLockedValue({ $0.bytes }) else { return nil }
    let configuration = try Self.configuration(bytes, name, ownCallouts)
    return current.withLockedValue { current in
      defer { current = (bytes, configuration) }
      return current.configuration == configuration ? nil : configuration
    }
  }

  /// Looks at the file again and again until the task is cancelled, and hands over each new configuration.
  ///
  /// A change that cannot be used is logged, once, and the last good one stays.
  public func watch(
    every interval: Duration = .seconds(2), logger: Logger, _ use: (ProxyConfiguration) async -> Void
  ) async {
    var lastFailure: ProxyFileError?
    while (try? await Task.sleep(for: interval)) != nil {
      do throws(ProxyFileError) {
        if let configuration = try reload() {
          logger.notice("the proxy's configuration has changed", metadata: ["file": "\(path)"])
          await use(configuration)
        }
        lastFailure = nil
      } catch {
        if error != lastFailure {
          logger.error("the proxy's configuration stays as it was", metadata: ["error": "\(error)"])
        }
        lastFailure = error
      }
    }
  }

  private static func read(_ path: String, _ name: String) throws(ProxyFileError) -> [UInt8] {
    guard let contents = FileManager.default.contents(atPath: path) else {
      throw ProxyFileError(name, line: nil, "'\(path)' cannot be read: check that it exists and is readable")
    }
    return Array(contents)
  }

  /// The configuration of a text; one that Envoy would refuse is an error too.
  private static func configuration(
    _ bytes: [UInt8], _ name: String, _ ownCallouts: [Callout]
  ) throws(ProxyFileError) -> ProxyConfiguration {
    let text = String(decoding: bytes, as: UTF8.self)
    let configuration = try ProxyConfiguration(yaml: text, file: name, ownCallouts: ownCallouts)
    if let problem = configuration.problems().first(where: { $0.severity == .error }) {
      throw ProxyFileError(name, line: nil, problem.description)
    }
    return configuration
  }
}
