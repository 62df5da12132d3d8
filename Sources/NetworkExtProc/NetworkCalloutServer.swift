// SPDX-License-Identifier: Apache-2.0
public import Callouts

/// Answers what a proxy asks about the bytes of each connection: subclass it and override hooks.
///
/// One object serves all connections at once, so a subclass is `Sendable`: what it stores is constant, or guarded.
/// What belongs to one connection goes into the `NetworkContext`. Hooks of one connection run one at a time, in order,
/// on the event loop of the proxy's gRPC connection: they may wait with `await`, but must not block or compute for long,
/// unless `configuration` moves them off the loop. While a hook is at work, the proxy holds what arrives.
///
/// A hook that is not overridden lets its bytes pass unchanged.
open class NetworkCalloutServer: @unchecked Sendable {
  // Unchecked because a class that is open cannot be checked; this one stores nothing.

  public required init() {}

  /// How hooks are run, and what happens when one fails; read once, when serving begins.
  open var configuration: Configuration { Configuration() }

  /// A connection's first bytes arrived, in whichever direction; its data hook comes next. Envoy tells of a connection
  /// that closes without any as one that sends no bytes and ends.
  open func onConnectionStart(context: NetworkContext) async throws {}

  /// Bytes arrived from the client, for the upstream.
  open func onReadData(_ data: NetworkData, context: NetworkContext) async throws -> NetworkReply { .continue }

  /// Bytes arrived from the upstream, for the client.
  open func onWriteData(_ data: NetworkData, context: NetworkContext) async throws -> NetworkReply { .continue }

  /// Whether the connection is to be closed on these bytes, which then do not go on; asked after each data hook.
  ///
  /// - Parameters:
  ///   - data: what arrived, as it did.
  ///   - modified: the data hook let something else pass.
  open func shouldCloseConnection(_ data: NetworkData, modified: Bool, context: NetworkContext) throws -> Bool { false }

  /// The connection is over, or the proxy asks no more about it; called once for each that has started, after its last
  /// hook, however it ended. It must not block.
  open func onConnectionEnd(_ ending: StreamEnding, context: NetworkContext) {}
}

extension NetworkCalloutServer {
  /// How hooks are run, and what happens when one fails.
  public struct Configuration: Sendable {
    /// Where hooks run.
    public var hookExecutor = HookExecutor.eventLoop
    /// What happens to a connection whose hook throws, or answers what Envoy would refuse.
    ///
    /// The gRPC stream is not ended instead: with `failure_mode_allow` Envoy would drop the bytes that the hook was
    /// asked about, and pass on those after them. So it does where a message is over the server's `limits.messageSize`:
    /// keep Envoy's `per_connection_buffer_limit_bytes` below that. A `Denial` closes the connection, whatever the policy.
    public var failurePolicy = FailurePolicy.close

    public init() {}
  }

  public enum FailurePolicy: Sendable {
    /// The connection is closed, and the bytes do not go on.
    case close
    /// The same, with a reset.
    case reset
    /// The bytes pass unchanged.
    case passThrough
  }
}
