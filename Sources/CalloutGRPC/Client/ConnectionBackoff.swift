// SPDX-License-Identifier: Apache-2.0

/// The time to wait after attempts to connect that failed ("gRPC Connection Backoff Protocol").
struct ConnectionBackoff: Sendable {
  private let initial: Duration
  private let maximum: Duration
  private var next: Duration

  init(_ configuration: GRPCChannel.ConnectionConfiguration) {
    initial = configuration.initialBackoff
    maximum = max(configuration.initialBackoff, configuration.maxBackoff)
    next = initial
  }

  /// The time to wait after one more failure.
  mutating func failed(jitter: Double = .random(in: -Self.jitter...Self.jitter)) -> Duration {
    defer { next = min(next * Self.factor, maximum) }
    return next * (1 + jitter)
  }

  /// There is a connection: the next failure is a first one.
  mutating func succeeded() { next = initial }

  static let jitter = 0.2
  private static let factor = 1.6
}
