// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
internal import CalloutTransport
public import Logging
internal import NIOCore

/// Passes calls on to other servers without knowing their messages.
///
/// It is a service like others: served beside them it gets the calls that none of them has a method for.
///
///     let backends = try BackendPool(to: "127.0.0.1:50051")
///     let proxy = GRPCProxy(directing: { call in .to(backends) })
///     try await CalloutService([proxy.unknownServices], logger: logger).run()
///
/// Bytes are passed on as they come, compressed or not, and never more of them are taken from one side than the other
/// side reads. Metadata goes both ways when it comes, but for what concerns a connection alone.
public final class GRPCProxy: Sendable {
  public struct Configuration: Sendable {
    /// Appends the client's IP address to `x-forwarded-for`.
    public var appendsForwardedFor = false
    /// Told of each call that is over, on the event loop of its client's connection: it must not block.
    public var callEnded: (@Sendable (CallSummary) -> Void)?

    public init() {}
  }

  let director: any StreamDirector
  let configuration: Configuration
  let logger: Logger
  let metrics: ProxyMetrics?

  public convenience init(
    _ director: any StreamDirector, configuration: Configuration = Configuration(),
    logger: Logger = Logger(label: "GRPCProxy")
  ) {
    self.init(director, configuration: configuration, logger: logger, metrics: ProxyMetrics())
  }

  init(
    _ director: any StreamDirector, configuration: Configuration, logger: Logger, metrics: ProxyMetrics?
  ) {
    self.director = director
    self.configuration = configuration
    self.logger = logger
    self.metrics = metrics
  }

  /// A proxy whose director is a function.
  public convenience init(
    configuration: Configuration = Configuration(), logger: Logger = Logger(label: "GRPCProxy"),
    directing: @escaping @Sendable (IncomingCall) async throws -> CallDirection
  ) {
    self.init(DirectingFunction(function: directing), configuration: configuration, logger: logger)
  }

  /// All calls for which the server has no method of its own.
  public var unknownServices: GRPCService { GRPCService(unknownMethods: forwardingMethod("*")) }

  /// Only the named methods of a service; its other methods are unknown.
  public func service(_ name: String, methods: [String]) -> GRPCService {
    GRPCService(name, methods: methods.map(forwardingMethod))
  }

  private func forwardingMethod(_ name: String) -> GRPCMethod {
    GRPCMethod(name, stream: { [self] stream, connection in ForwardedCall(stream, connection, self) })
  }
}

private struct DirectingFunction: StreamDirector {
  let function: @Sendable (IncomingCall) async throws -> CallDirection

  func direct(_ call: IncomingCall) async throws -> CallDirection { try await function(call) }
}
