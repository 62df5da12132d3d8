// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
internal import CalloutServing
public import NIOCore
public import NetworkExtProc
public import SwiftProtobuf

/// Envoy's network ext_proc filter without an Envoy: takes the bytes of a connection through a callout, as strict as
/// Envoy is.
///
///     let filter = EnvoyNetworkFilter()
///     let connection = try await filter.connection([.client("PING\r\n"), .clientEnds], with: NetworkFilter())
///     #expect(connection.upstreamReceived == "PING\r\n")
///
/// It follows Envoy 1.40, but that each event waits for its answer before the next happens.
///
/// Source: `envoy.extensions.filters.network.ext_proc.v3.NetworkExternalProcessor`.
public struct EnvoyNetworkFilter: Sendable, Hashable {
  /// What the client sends goes to the callout.
  public var processesRead = true
  /// What the upstream sends goes to the callout.
  public var processesWrite = true
  /// Time for an answer; 0.2 s in an Envoy that is not told.
  public var messageTimeout: Duration = .seconds(10)
  /// The connection goes on without the callout when that fails.
  public var failureModeAllow = false
  /// The namespaces that answers may set dynamic metadata in.
  public var receivingNamespaces: [String] = []
  /// The connection's attributes and their values, which go with its first message, such as `source.address`.
  public var connectionAttributes: [String: Google_Protobuf_Value] = [:]
  /// The dynamic metadata that the filter forwards with every message, by namespace.
  public var forwardedMetadata: [String: Google_Protobuf_Struct] = [:]
  /// What the call carries, its `grpc_initial_metadata`.
  public var initialMetadata: Metadata = [:]

  public init() {}

  /// What happens on a connection, as the filter sees it.
  public enum Event: Sendable, Hashable {
    /// Bytes arrive from the client.
    case clientSends(ByteBuffer)
    /// The client ends its direction.
    case clientEnds
    /// Bytes arrive from the upstream.
    case upstreamSends(ByteBuffer)
    /// The upstream ends its direction.
    case upstreamEnds

    /// Text arrives from the client.
    public static func client(_ text: String) -> Event { .clientSends(ByteBuffer(string: text)) }
    /// Text arrives from the upstream.
    public static func upstream(_ text: String) -> Event { .upstreamSends(ByteBuffer(string: text)) }
  }

  /// Takes a connection through a callout that runs in this process.
  public func connection(_ events: [Event], with callout: NetworkCalloutServer) async throws -> EnvoyConnection {
    var configuration = ServerConfiguration.loopback
    configuration.disableTLS = true
    configuration.combinedHealthCheck = true
    return try await withRunningServer(callout, configuration: configuration) { server in
      let client = try await server.client()
      let connection = await connection(events, with: client)
      await client.close()
      return connection
    }
  }

  /// Takes a connection through the callout server that a client is connected to, whatever it is made with.
  public func connection(_ events: [Event], with client: CalloutClient) async -> EnvoyConnection {
    var state = EnvoyNetworkFilterState(self)
    var rest = events[...]
    do {
      let stream = try await client.networkStream(metadata: initialMetadata)
      try await run(&rest, stream, &state)
      stream.reset()
    } catch {
      state.streamEnded(error as? GRPCStatus ?? GRPCStatus(.unknown, "\(error)"))
    }
    // Without the callout, what comes later still passes, where that is allowed.
    for event in rest where state.isBypassed { _ = state.receive(event) }
    return state.connection
  }

  /// Takes events from `events` as they happen.
  private func run(
    _ events: inout ArraySlice<Event>, _ stream: NetworkStream, _ state: inout EnvoyNetworkFilterState
  ) async throws {
    while state.isOpen, let event = events.popFirst() {
      guard let message = state.receive(event) else { continue }
      try await stream.send(message)
      while state.isWaiting { try await takeReply(stream, &state) }
    }
    // What answers the last message beside bytes of its direction comes before the stream's end.
    stream.halfClose()
    while state.isOpen, !state.isBypassed, !state.isOver { try await takeReply(stream, &state) }
  }

  private func takeReply(_ stream: NetworkStream, _ state: inout EnvoyNetworkFilterState) async throws {
    let alarm = Task {
      try await Task.sleep(for: messageTimeout)
      stream.reset()
    }
    defer { alarm.cancel() }
    do {
      if let reply = try await stream.next() { state.receive(reply) } else { state.ended() }
    } catch let status as GRPCStatus where status.code == .cancelled {
      state.timedOut()
    }
  }
}

/// What became of a connection that was taken through a callout.
public struct EnvoyConnection: Sendable, Hashable {
  /// What the upstream received, as text.
  public var upstreamReceived: String { String(buffer: upstreamBytes) }
  /// What the client received, as text.
  public var clientReceived: String { String(buffer: clientBytes) }

  /// What the upstream received.
  public internal(set) var upstreamBytes = ByteBuffer()
  /// What the client received.
  public internal(set) var clientBytes = ByteBuffer()
  /// The upstream was told that the client's direction has ended.
  public internal(set) var upstreamSawEnd = false
  /// The client was told that the upstream's direction has ended.
  public internal(set) var clientSawEnd = false
  /// Whether the connection goes on, and who ended it.
  public internal(set) var state = State.open
  /// The dynamic metadata that the callout set, by namespace.
  public internal(set) var dynamicMetadata: [String: Google_Protobuf_Struct] = [:]
  /// What Envoy ignores or loses without a word.
  public internal(set) var warnings: [String] = []

  public enum State: Sendable, Hashable {
    case open
    /// The callout closed it.
    case closed
    /// The callout reset it.
    case reset
    /// Envoy closed it because the callout failed, and why.
    case failed(String)
  }
}
