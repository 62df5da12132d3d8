// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
public import NIOCore

/// A call to many backends at once: each gets all that the client sends, and the client what all of them answer.
///
/// The response's metadata is that of the first backend that answers; the call ends OK once all have ended. A slow backend
/// holds the client, and so the others, up. Answers are asked for without compression, and held until they are whole:
/// `CallDirection.maxMessageLength` applies to each, and to what is merged of them, or else 4 MiB.
public struct FanOut: Sendable {
  /// One backend of each gets the call.
  public var pools: [BackendPool]
  public var answers: Answers
  /// What the client gets in place of a backend's message, such as one that says whose it is; what it throws is taken for
  /// the backend's status. Called on the event loop.
  public var rewrite: (@Sendable (_ message: ByteBuffer, _ backend: String) throws -> ByteBuffer)?
  /// The message that tells the client of a backend whose call failed, or nil to end the whole call with its status.
  /// Called on the event loop with the name of the pool.
  public var describeFailure: @Sendable (_ status: GRPCStatus, _ backend: String) -> ByteBuffer?

  public enum Answers: Sendable, Hashable {
    /// Each message when it comes, whoever sent it.
    case interleaved
    /// One message of all, once all have ended, in the order of the backends. Their bytes one after the other are
    /// one message to protobuf, with the items of all repeated fields.
    case merged
  }

  public init(
    to pools: [BackendPool], answers: Answers,
    describeFailure: @escaping @Sendable (_ status: GRPCStatus, _ backend: String) -> ByteBuffer? = { _, _ in nil }
  ) {
    self.pools = pools
    self.answers = answers
    self.describeFailure = describeFailure
  }
}
