// SPDX-License-Identifier: Apache-2.0
import Logging

/// What is logged, line by line as it comes, as text with the metadata in order of their names.
struct LogLines: Sendable {
  private let lines: AsyncStream<String>
  private let arrived: AsyncStream<String>.Continuation
  private let mark: @Sendable () -> String

  /// - Parameter mark: what each line begins with, asked for when it is logged.
  init(mark: @escaping @Sendable () -> String = { "" }) {
    (lines, arrived) = AsyncStream.makeStream(of: String.self)
    self.mark = mark
  }

  var logger: Logger { Logger(label: "lines") { _ in Handler(lines: self) } }

  /// The next line that nobody has asked for yet.
  func next() async -> String? {
    for await line in lines { return line }
    return nil
  }

  private struct Handler: LogHandler {
    let lines: LogLines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let metadata = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
      lines.arrived.yield("\(lines.mark())\(event.level) \(event.message)\(metadata.joined())")
    }
  }
}
