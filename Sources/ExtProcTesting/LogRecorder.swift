// SPDX-License-Identifier: Apache-2.0
public import Logging
internal import NIOConcurrencyHelpers

/// Keeps what is logged, for a test to look at.
///
///     let log = LogRecorder()
///     harness = CalloutHarness(server, logger: log.logger)
///     #expect(log.entries(atLeast: .error).isEmpty)
///
/// Safe to use from any thread.
public final class LogRecorder: Sendable {
  /// One line of a log.
  public struct Entry: Sendable, CustomStringConvertible {
    public let level: Logger.Level
    public let message: String
    /// The logger's metadata and the line's own, which prevails.
    public let metadata: Logger.Metadata

    public var description: String { "\(level): \(message) \(metadata)" }
  }

  private let recorded = NIOLockedValueBox<[Entry]>([])
  private let level: Logger.Level

  /// - Parameter level: the least level that is kept.
  public init(level: Logger.Level = .trace) { self.level = level }

  /// All lines so far, in order.
  public var entries: [Entry] { recorded.withLockedValue { $0 } }

  /// The lines so far of a level or above.
  public func entries(atLeast level: Logger.Level) -> [Entry] { entries.filter { $0.level >= level } }

  /// A logger whose lines are kept.
  public var logger: Logger { Logger(label: "recorded", factory: { _ in Handler(recorder: self, logLevel: level) }) }

  private struct Handler: LogHandler {
    let recorder: LogRecorder
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let metadata = metadata.merging(event.metadata ?? [:]) { $1 }
      recorder.recorded.withLockedValue {
        $0.append(Entry(level: event.level, message: "\(event.message)", metadata: metadata))
      }
    }
  }
}
