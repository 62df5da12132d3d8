// SPDX-License-Identifier: Apache-2.0
internal import CalloutTransport
public import NIOCore
internal import NIOPosix

/// Connections to a gRPC server, on which any number of calls can be made at once.
///
/// A connection that is lost is made again when there is a call for it, after a pause where the last attempt failed:
/// until its end calls end with UNAVAILABLE at once. A server that goes away (GOAWAY) loses none of the calls that it
/// did not take any more. Safe to use from any thread.
public final class GRPCChannel: Sendable {
  let pool: NIOLoopBound<ClientConnectionPool>
  private let authority: String
  private let scheme: String
  private let maxMessageLength: Int

  /// Connects; throws UNAVAILABLE with the reason when that cannot be done.
  ///
  /// - Parameter eventLoop: the loop the connections live on; one of the process's shared loops where it is nil.
  public static func connect(
    to target: GRPCTarget, configuration: Configuration = Configuration(), on eventLoop: (any EventLoop)? = nil
  ) async throws -> GRPCChannel {
    let channel = try await GRPCChannel(target, configuration, on: eventLoop)
    do {
      try await channel.connect()
    } catch {
      await channel.close()
      throw error
    }
    return channel
  }

  /// Connects to an address; throws as the other does.
  public static func connect(
    to target: SocketAddress, configuration: Configuration = Configuration(), on eventLoop: (any EventLoop)? = nil
  ) async throws -> GRPCChannel {
    try await connect(to: GRPCTarget(target), configuration: configuration, on: eventLoop)
  }

  /// A channel that connects with its first call.
  package convenience init(
    _ target: GRPCTarget, _ configuration: Configuration, on eventLoop: (any EventLoop)? = nil,
    resolver: NameResolver = .system
  ) async throws {
    try await self.init(
      ClientConnector(target, tls: configuration.tls, configuration.connection, resolver: resolver),
      authority: configuration.authority ?? target.authority, maxMessageLength: configuration.maxMessageLength,
      on: eventLoop)
  }

  package init(
    _ connector: ClientConnector, authority: String, maxMessageLength: Int = 4 * 1_024 * 1_024,
    on eventLoop: (any EventLoop)? = nil
  ) async throws {
    let eventLoop = eventLoop ?? MultiThreadedEventLoopGroup.singleton.next()
    self.authority = authority
    self.maxMessageLength = maxMessageLength
    scheme = connector.usesTLS ? "https" : "http"
    pool = try await eventLoop.submit {
      NIOLoopBound(ClientConnectionPool(connector, on: eventLoop), eventLoop: eventLoop)
    }.get()
  }

  private func connect() async throws {
    let pool = pool
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      pool.eventLoop.execute {
        pool.value.connection { continuation.resume(with: $0.map { _ in }.mapError { $0 }) }
      }
    }
  }

  /// Opens a call; throws UNAVAILABLE where there is no connection for it.
  ///
  /// - Parameters:
  ///   - path: the method's path, such as `/grpc.health.v1.Health/Check`.
  ///   - timeout: the call's deadline from now, told to the server and kept here: DEADLINE_EXCEEDED ends it.
  ///   - compressed: sends messages compressed with gzip.
  public func call(
    _ path: String, metadata: Metadata = [:], timeout: Duration? = nil, compressed: Bool = false
  ) async throws -> GRPCCall {
    let (pool, maxMessageLength) = (pool, maxMessageLength)
    let request = request(path, metadata, timeout, compressed)
    let call = try await pool.eventLoop.submit {
      let call = ClientCall(
        request, on: pool.value, compression: compressed ? .gzip : .identity,
        maxMessageLength: maxMessageLength, eventLoop: pool.eventLoop)
      if let timeout { call.startDeadline(in: TimeAmount(timeout)) }
      return NIOLoopBound(call, eventLoop: pool.eventLoop)
    }.get()
    try await withCheckedThrowingContinuation { continuation in
      call.eventLoop.execute { call.value.open(continuation) }
    }
    return GRPCCall(call)
  }

  /// Closes the connections; calls that are still going on end with UNAVAILABLE.
  public func close() async {
    let pool = pool
    try? await pool.eventLoop.flatSubmit { pool.value.close() }.get()
  }

  private func request(
    _ path: String, _ metadata: Metadata, _ timeout: Duration?, _ compressed: Bool
  ) -> HeaderFields {
    var fields: HeaderFields = [
      ":method": "POST", ":scheme": scheme, ":path": path,
      ":authority": authority, "te": "trailers", "content-type": "application/grpc",
      "user-agent": "swift-callouts", "grpc-accept-encoding": Compression.advertised,
    ]
    if let timeout { fields.append("grpc-timeout", GRPCTimeout.format(timeout)) }
    if compressed { fields.append("grpc-encoding", Compression.gzip.rawValue) }
    for (name, value) in metadata.wirePairs { fields.append(name, value) }
    return fields
  }
}
