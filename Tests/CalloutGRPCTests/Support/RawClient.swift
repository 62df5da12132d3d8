// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore
import NIOPosix

/// An HTTP/2 client that knows nothing of gRPC, so that it can do what no gRPC client would.
struct RawClient: Sendable {
  /// What came back on one stream.
  struct Response: Sendable {
    /// The header sections, each field as "name: value".
    var sections: [[String]] = []
    var data = ByteBuffer()
    var code = HTTP2ErrorCode.noError

    /// The first value of a field, in whichever section.
    func value(_ name: String) -> String? {
      sections.joined().first { $0.hasPrefix("\(name): ") }.map { String($0.dropFirst(name.utf8.count + 2)) }
    }

    var status: GRPCStatus? {
      value("grpc-status").flatMap(Int.init).map {
        GRPCStatus(GRPCStatus.Code(rawValue: $0), value("grpc-message") ?? "")
      }
    }

    /// The messages, each with its compressed flag.
    var messages: [FramedMessage] {
      get throws {
        var deframer = MessageDeframer(maxMessageLength: .max)
        deframer.append(data)
        var messages: [FramedMessage] = []
        while let message = try deframer.next() { messages.append(message) }
        return messages
      }
    }
  }

  private let channel: any Channel
  private let connection: NIOLoopBound<Connection>

  init(to address: SocketAddress) async throws {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let connection = try await eventLoop.submit { NIOLoopBound(Connection(), eventLoop: eventLoop) }.get()
    self.connection = connection
    channel = try await ClientBootstrap(group: eventLoop).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(
          HTTP2ConnectionHandler(session: HTTP2Session(role: .client), observer: connection.value))
      }
    }.connect(to: address).get()
  }

  static func fields(_ path: String = echoPath, _ others: KeyValuePairs<String, String> = [:]) -> HeaderFields {
    var fields: HeaderFields = [
      ":method": "POST", ":scheme": "http", ":path": path, ":authority": "test", "te": "trailers",
      "content-type": "application/grpc",
    ]
    for (name, value) in others { fields.append(name, value) }
    return fields
  }

  /// Sends a request and waits until its stream is closed; `endStream` false leaves the request without an end.
  func request(
    _ fields: HeaderFields = RawClient.fields(), _ body: ByteBuffer = ByteBuffer(), endStream: Bool = true
  ) async throws -> Response {
    let promise = channel.eventLoop.makePromise(of: Response.self)
    let connection = connection
    connection.eventLoop.execute {
      do {
        let stream = try connection.value.handler!.session.openStream(fields)
        stream.handler = StreamHandler(stream, promise)
        if body.readableBytes > 0 { stream.write { $0.writeImmutableBuffer(body) } }
        if endStream { stream.end() }
      } catch {
        promise.fail(error)
      }
    }
    return try await promise.futureResult.get()
  }

  /// Opens streams and resets them once their headers have left, round after round, until the server has had enough.
  /// Returns how many streams it were.
  func openAndReset(_ count: Int, path: String = echoPath) async throws -> Int {
    let connection = connection
    var opened = 0
    while opened < count, channel.isActive {
      let round = min(100, count - opened)
      let streams = try await connection.eventLoop.submit {
        NIOLoopBound(
          try (0..<round).map { _ in try connection.value.handler?.session.openStream(Self.fields(path)) },
          eventLoop: connection.eventLoop)
      }.get()
      // What was opened leaves at the end of that turn of the loop.
      try await connection.eventLoop.submit {}.get()
      try await connection.eventLoop.submit { for stream in streams.value { stream?.reset(.cancel) } }.get()
      opened += round
    }
    return opened
  }

  func closed() async throws { try await channel.closeFuture.get() }

  func close() async throws { try await channel.close() }

  private final class Connection: HTTP2ConnectionObserver {
    var handler: HTTP2ConnectionHandler?

    func connectionOpened(_ connection: HTTP2ConnectionHandler) { handler = connection }
    func streamOpened(_ stream: HTTP2Stream, on connection: HTTP2ConnectionHandler) -> (any HTTP2StreamHandler)? { nil }
    func eventsDispatched() {}
    func connectionGoingAway(_ connection: HTTP2ConnectionHandler, _ code: HTTP2ErrorCode, lastStream: Int32) {}
    func connectionTerminated(_ code: HTTP2ErrorCode) {}
    func connectionFailed(_ error: any Error) {}
    func connectionClosed(_ connection: HTTP2ConnectionHandler) { handler = nil }
  }

  private final class StreamHandler: HTTP2StreamHandler {
    private let stream: HTTP2Stream
    private let promise: EventLoopPromise<Response>
    private var response = Response()

    init(_ stream: HTTP2Stream, _ promise: EventLoopPromise<Response>) {
      self.stream = stream
      self.promise = promise
    }

    var isBusy: Bool { false }

    func receiveHeaders(_ fields: HeaderFields) {
      var section: [String] = []
      fields.forEach {
        section.append("\(String(decoding: $0, as: UTF8.self)): \(String(decoding: $1, as: UTF8.self))")
      }
      response.sections.append(section)
    }

    func receiveData(_ data: ByteBuffer) {
      response.data.writeImmutableBuffer(data)
      stream.consumed(data.readableBytes)
    }

    func receiveEnd() {}
    func outboundDrained() {}

    func streamClosed(_ code: HTTP2ErrorCode) {
      response.code = code
      promise.succeed(response)
    }
  }
}

extension ByteBuffer {
  /// The messages one after another, as gRPC frames them.
  init(framing messages: String..., compressed: Bool = false) { self.init(framing: messages, compressed: compressed) }

  init(framing messages: [String], compressed: Bool = false) {
    self.init()
    for message in messages { writeGRPCMessage(compressed: compressed) { $0.writeString(message) } }
  }
}
