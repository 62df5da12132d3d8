// SPDX-License-Identifier: Apache-2.0
public import Logging
internal import NIOConcurrencyHelpers

/// A file that describes a configuration, which is read again when it, or a file that it names, changes. Safe to use from
/// any thread.
public final class ReloadableFile<Configuration: Sendable & Equatable>: Sendable {
  /// Makes a configuration of a file's text, and of other files that it reads from the contents.
  package typealias Parser =
    @Sendable (_ text: String, _ others: FileContents) throws(ConfigurationFileError) -> Configuration

  private let path: String
  private let parse: Parser
  private let current: NIOLockedValueBox<(files: FileContents.Snapshot, configuration: Configuration)>

  /// Reads the file; throws what is wrong with it.
  package init(_ path: String, _ parse: @escaping Parser) throws(ConfigurationFileError) {
    self.path = path
    self.parse = parse
    current = NIOLockedValueBox(try Self.load(path, parse))
  }

  /// The configuration as it was last read.
  public var configuration: Configuration { current.withLockedValue { $0.configuration } }

  /// Reads the file again where it has changed, and gives the new configuration, or nil where it is the same.
  ///
  /// Throws what is wrong with the changed file; the configuration stays as it was.
  @discardableResult
  public func reload() throws(ConfigurationFileError) -> Configuration? {
    guard current.withLockedValue({ $0.files }).hasChanged else { return nil }
    let loaded = try Self.load(path, parse)
    return current.withLockedValue { current in
      defer { current = loaded }
      return current.configuration == loaded.configuration ? nil : loaded.configuration
    }
  }

  /// Looks at the file again and again until the task is cancelled, and hands over each new configuration.
  ///
  /// A change that cannot be used is logged, once, and the last good one stays.
  public func watch(
    every interval: Duration = .seconds(2), logger: Logger, _ use: (Configuration) async -> Void
  ) async {
    var lastFailure: ConfigurationFileError?
    while (try? await Task.sleep(for: interval)) != nil {
      do throws(ConfigurationFileError) {
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

  private static func load(
    _ path: String, _ parse: Parser
  ) throws(ConfigurationFileError) -> (files: FileContents.Snapshot, configuration: Configuration) {
    let contents = FileContents()
    guard let bytes = contents.read(path) else {
      throw ConfigurationFileError(
        path.fileName, line: nil, "'\(path)' cannot be read: check that it exists and is readable")
    }
    let configuration = try parse(String(decoding: bytes, as: UTF8.self), contents)
    return (contents.snapshot, configuration)
  }
}

extension String {
  /// What a path has behind its folders.
  package var fileName: String { split(separator: "/").last.map(String.init) ?? self }
}
