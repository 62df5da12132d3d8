// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// What came of a run.
struct Report {
  let load: Load
  /// The server before any client came, when all had everything, and after the updates.
  let before: Control.Usage
  var idle: Control.Usage
  var after: Control.Usage
  var synchronized = Duration.zero
  var bytesBefore = 0
  var bytes = 0
  /// Nanoseconds, of each client in each update.
  private var latencies: [Int64] = []
  private var publishing: [Int64] = []

  init(load: Load, before: Control.Usage) {
    self.load = load
    self.before = before
    (idle, after) = (before, before)
  }

  mutating func record(_ published: Control.Published, _ times: [NIODeadline]) {
    // A client may be done before the call has returned.
    latencies += times.map { max(0, Int64($0.uptimeNanoseconds) - Int64(published.returned)) }
    publishing.append(published.took)
  }
}

extension Report: CustomStringConvertible {
  var description: String {
    let updates = Double(load.updates)
    let streams = Double(load.streams)
    let processor = Double(after.processorNanoseconds - idle.processorNanoseconds) / updates
    let memory = Double(idle.residentBytes - before.residentBytes) / streams
    return """
      \(load.streams) streams (\(load.variant.rawValue)), \(load.stuck) % of them stuck; \(before.clusters) clusters, \
      \(load.changed) changed, \(load.updates) updates
      synchronized \(Self.decimal(synchronized / .milliseconds(1))) ms after the first connection
      latency      p50 \(Self.milliseconds(latencies, 0.5))  p99 \(Self.milliseconds(latencies, 0.99))  \
      max \(Self.milliseconds(latencies, 1)), from publishing to the last acknowledgement of a client
      publishing   p50 \(Self.milliseconds(publishing, 0.5))  max \(Self.milliseconds(publishing, 1))
      processor    \(Self.decimal(processor / 1e6)) ms of the server's for each update
      encoded      \(Self.decimal(Double(after.encoded - idle.encoded) / updates)) resources for each update
      received     \(Self.decimal(Double(bytes - bytesBefore) / updates / streams)) bytes for each stream and update
      memory       \(Self.decimal(memory / 1_024)) KiB of the server's for each stream, once it has everything
      """
  }

  /// The time that this share of all stays within.
  static func milliseconds(_ nanoseconds: [Int64], _ share: Double) -> String {
    let sorted = nanoseconds.sorted()
    let rank = max(1, Int((share * Double(sorted.count)).rounded(.up)))
    return "\(decimal(Double(sorted.isEmpty ? 0 : sorted[rank - 1]) / 1e6)) ms"
  }

  /// With two digits after the point.
  static func decimal(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    let fraction = abs(hundredths % 100)
    return "\(hundredths < 0 ? "-" : "")\(abs(hundredths) / 100).\(fraction < 10 ? "0" : "")\(fraction)"
  }
}
