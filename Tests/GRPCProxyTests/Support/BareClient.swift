// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore
import NIOPosix

/// A client's connection on which any request can be made, gRPC's or not.
struct BareClient: Sendable {
  private let channel: any Channel
  private let observer: NIOLoopBound<Observer>

  init(to server: LocalServer) async throws {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let observer = try await eventLoop.submit { NIOLoopBound(Observer(), eventLoop: eventLoop) }.get()
    self.observer = observer
    channel = try await ClientBootstrap(group: eventLoop).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(
          HTTP2ConnectionHandler(session: HTTP2Session(role: .client), observer: observer.value))
      }
    }.connect(to: server.address).get()
  }

  /// The headers of a call, with others behind them.
  static func fields(
    _ path: String = "/test.Any/Call", _ others: KeyValuePairs<String, String> = [:],
    contentType: String = "application/grpc"
  ) -> HeaderFields {
    var fields: HeaderFields = [
      ":method": "POST", ":scheme": "http", ":path": path, ":authority": "client.test", "te": "trailers",
      "content-type": contentType,
    ]
    for (name, value) in others { fields.append(name, value) }
    return fields
  }

  static func fields(_ others: KeyValuePairs<String, String>) -> HeaderFields { fields("/test.Any/Call", others) }

  func open(_ fields: HeaderFields = BareClient.fields()) async throws -> BareStream {
    let observer = observer
    return try await observer.eventLoop.submit {
      guard let connection = observer.value.connection else { throw ChannelError.ioOnClosedChannel }
      return BareStream(try connection.session.openStream(fields), on: observer.eventLoop)
    }.get()
  }

  /// Ends it as it is.
  func close() async { try? await channel.close() }

  private final class Observer: HTTP2ConnectionObserver {
    var connection: HTTP2ConnectionHandler?

    func connectionOpened(_ connection: HTTP2ConnectionHandler) { self.connection = connection }
    func streamOpened(_ stream: HTTP2Stream, on connection: HTTP2ConnectionHandler) -> (any HTTP2StreamHandler)? { nil }
    func eventsDispatched() {}
    func connectionGoingAway(_ connection: HTTP2ConnectionHandler, _ code: HTTP2ErrorCode, lastStream: Int32) {}
    func connectionTerminated(_ code: HTTP2ErrorCode) {}
    func connectionFailed(_ error: any Error) {}
    func connectionClosed(_ connection: HTTP2ConnectionHandler) { self.connection = nil }
  }
}

extension ProxyServer {
  /// Makes a call with one message on a connection of its own; returns all that came back.
  func call(_ fields: HeaderFields = BareClient.fields(), _ message: String = "") async throws -> BareResponse {
    try await exchange(fields) { $0.send(ByteBuffer(string: message)) }
  }

  /// The same with all that `send` sends.
  func exchange(_ fields: HeaderFields, _ send: (BareStream) -> Void) async throws -> BareResponse {
    try await withClient { client in
      let stream = try await client.open(fields)
      send(stream)
      stream.end()
      return try await stream.response()
    }
  }

  /// Runs `body` with a connection to the proxy.
  func withClient<Result>(_ body: (BareClient) async throws -> Result) async throws -> Result {
    let client = try await BareClient(to: server)
    return try await ended(client.close) { try await body(client) }
  }
}

/// What a backend does with a call that it serves by hand, and with the headers that it begins with.
typealias BareMethod = @Sendable (BareStream, HeaderFields) async throws -> Void

extension GRPCMethod {
  /// A method whose calls are served by hand: a status that `body` throws ends its call, anything else resets it.
  static func bare(_ name: String, _ body: @escaping BareMethod) -> Self {
    GRPCMethod(name) { stream, connection in
      let call = BareStream(stream, on: connection.eventLoop)
      Task {
        do {
          try await body(call, try await call.headers())
        } catch let status as GRPCStatus {
          call.send(headers: GRPCFields.trailersOnly(status, [:]), endStream: true)
        } catch {
          call.reset(.internalError)
        }
      }
      return call.handler
    }
  }
}
