// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// What each connection does.
struct Load: Sendable {
  struct TLS: Sendable {
    /// PEM, or nil for the system's.
    var trustRoots: [UInt8]?
    var serverName: String?
    var verifiesServer = true
  }

  var exchange: Exchange
  /// At once.
  var streams: Int
  /// Exchanges to begin per second, or nil to begin one whenever another has ended.
  var rate: Double?
  /// Of all connections together, or nil for as many as the time allows.
  var exchanges: Int?
  var tls: TLS?

  init(_ exchange: Exchange, streams: Int) {
    self.exchange = exchange
    self.streams = streams
  }
}

/// Counts down the exchanges that all connections share.
final class Budget: Sendable {
  private let left: Atomic<Int>

  init(_ exchanges: Int?) { left = Atomic(exchanges ?? .max) }

  /// Whether one more may begin.
  func take() -> Bool { left.wrappingSubtract(1, ordering: .relaxed).newValue >= 0 }
}
