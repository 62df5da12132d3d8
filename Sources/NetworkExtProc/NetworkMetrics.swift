// SPDX-License-Identifier: Apache-2.0
internal import CoreMetrics
internal import Metrics
internal import NIOCore

/// What a network callout counts, in whatever metrics system the program has bootstrapped.
///
/// | metric | kind | dimension | counts |
/// | --- | --- | --- | --- |
/// | `network_ext_proc_connections_total` | counter | | connections that began |
/// | `network_ext_proc_messages_total` | counter | `direction` | messages that bring bytes, or an end |
/// | `network_ext_proc_bytes_total` | counter | `direction` | bytes of them |
/// | `network_ext_proc_hook_seconds` | timer | `direction` | time from a message's turn to its hook's end |
/// | `network_ext_proc_hook_failures_total` | counter | `direction` | hooks that threw, or answered what Envoy would refuse |
/// | `network_ext_proc_closed_connections_total` | counter | | connections that the callout closed |
final class NetworkMetrics: Sendable {
  private let connections = Counter(label: "network_ext_proc_connections_total")
  private let closedConnections = Counter(label: "network_ext_proc_closed_connections_total")
  private let read = Direction(.read)
  private let write = Direction(.write)

  private struct Direction: Sendable {
    let messages, bytes, failures: Counter
    let hooks: Timer

    init(_ direction: NetworkDirection) {
      let dimensions = [("direction", "\(direction)")]
      messages = Counter(label: "network_ext_proc_messages_total", dimensions: dimensions)
      bytes = Counter(label: "network_ext_proc_bytes_total", dimensions: dimensions)
      failures = Counter(label: "network_ext_proc_hook_failures_total", dimensions: dimensions)
      hooks = Timer(label: "network_ext_proc_hook_seconds", dimensions: dimensions, preferredDisplayUnit: .seconds)
    }
  }

  /// Nil where no metrics system was bootstrapped: what nobody reads costs nothing.
  init?() {
    guard !(MetricsSystem.factory is NOOPMetricsHandler) else { return nil }
  }

  func connectionBegan() { connections.increment() }
  func closed() { closedConnections.increment() }

  func received(_ bytes: Int, _ direction: NetworkDirection) {
    self[direction].messages.increment()
    self[direction].bytes.increment(by: bytes)
  }

  func failed(_ direction: NetworkDirection) { self[direction].failures.increment() }

  func hookTook(_ time: TimeAmount, _ direction: NetworkDirection) {
    self[direction].hooks.recordNanoseconds(time.nanoseconds)
  }

  private subscript(direction: NetworkDirection) -> Direction { direction == .read ? read : write }
}
