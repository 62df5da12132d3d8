// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC

/// Decides for each call where it goes.
public protocol StreamDirector: Sendable {
  /// Where the call goes and with what; throws the `GRPCStatus` that ends it instead, of which no backend learns.
  ///
  /// Runs on the event loop of the client's connection: it may wait, but not block. It is cancelled when the client
  /// goes or the call's deadline passes.
  func direct(_ call: IncomingCall) async throws -> CallDirection
}

/// Where a call goes, and how.
public struct CallDirection: Sendable {
  /// What takes the call.
  public var destination: Destination { didSet { backendSet = nil } }
  /// The name of the configuration's set that it goes to, as the call is counted.
  var backendSet: String?
  /// The metadata that backends get, or nil for the client's as it came. What gRPC and HTTP/2 keep to themselves, such
  /// as the deadline and the encoding of messages, is passed on by itself.
  public var metadata: Metadata?
  /// The longest that the call may take; the client's own deadline counts where it is sooner.
  public var timeout: Duration?
  /// The longest message either way, in bytes as sent, or nil for any; a longer one ends the call with RESOURCE_EXHAUSTED.
  public var maxMessageLength: Int?
  /// Called once when the call is over and needs its backends no more, on an event loop.
  public var release: (@Sendable () -> Void)?

  public enum Destination: Sendable {
    /// A backend of the pool.
    case one(BackendPool)
    /// Many backends at once.
    case many(FanOut)
  }

  public init(_ destination: Destination) { self.destination = destination }

  /// To a backend of the pool, as the call came.
  public static func to(_ pool: BackendPool) -> CallDirection { CallDirection(.one(pool)) }

  /// To many backends at once.
  public static func toAll(of fanOut: FanOut) -> CallDirection { CallDirection(.many(fanOut)) }
}
