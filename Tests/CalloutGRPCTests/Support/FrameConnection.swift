// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// A client's connection to a `FrameServer`.
struct FrameConnection: Sendable {
  private let channel: any Channel
  private let frames: AsyncStream<ReceivedFrame>

  init(_ channel: any Channel, _ frames: AsyncStream<ReceivedFrame>) {
    self.channel = channel
    self.frames = frames
  }

  // MARK: From the client

  /// The next frame of a kind, whatever comes before it.
  func next(_ kind: ReceivedFrame.Kind) async throws -> ReceivedFrame {
    for await frame in frames where frame.kind == kind { return frame }
    throw Closed()
  }

  /// The stream of the next request.
  func request() async throws -> UInt32 { try await next(.headers).stream }

  /// The stream of the next request, and all that it says; other streams must be silent.
  func wholeRequest() async throws -> (stream: UInt32, body: [UInt8]) {
    let stream = try await request()
    var body: [UInt8] = []
    while true {
      let frame = try await next(.data)
      body += frame.payload
      if frame.endsStream { return (stream, body) }
    }
  }

  /// The frames that the client has sent before it answers a PING of now.
  func framesSoFar() async throws -> [ReceivedFrame] {
    let mark: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    send(RawConnection.frame(type: 6, stream: 0, mark))
    var before: [ReceivedFrame] = []
    for await frame in frames {
      if frame.kind == .ping, frame.isAcknowledgement, frame.payload == mark { return before }
      before.append(frame)
    }
    throw Closed()
  }

  /// Waits until the client has closed the connection.
  func closed() async { try? await channel.closeFuture.get() }

  private struct Closed: Error {}

  // MARK: To the client

  /// Sends frames, in one piece.
  func send(_ frames: [UInt8]...) {
    channel.writeAndFlush(ByteBuffer(bytes: Array(frames.joined())), promise: nil)
  }

  /// Answers a request with status OK, and with one message if it is given.
  func answer(_ stream: UInt32, _ text: String? = nil) {
    var answer = RawConnection.headers(stream, [":status": "200"])
    if let text { answer += RawConnection.data(stream, Array(buffer: ByteBuffer(framing: text))) }
    send(answer, RawConnection.headers(stream, ["grpc-status": "0"], endStream: true))
  }

  /// Answers a PING of the client.
  func acknowledge(_ ping: ReceivedFrame) { send(RawConnection.frame(type: 6, flags: 1, stream: 0, ping.payload)) }

  /// Sends no more, and waits until the client has closed the connection because of that.
  func hangUp() async {
    try? await channel.close(mode: .output)
    await closed()
  }

  func close() async { try? await channel.close() }
}

/// A frame that a client has sent (RFC 9113 §4.1).
struct ReceivedFrame: Sendable {
  enum Kind: UInt8, Sendable {
    case data, headers, priority, reset, settings, pushPromise, ping, goAway, windowUpdate, continuation
  }

  var kind: Kind?
  var flags: UInt8
  var stream: UInt32
  var payload: [UInt8]

  var endsStream: Bool { flags & 1 != 0 }
  var isAcknowledgement: Bool { flags & 1 != 0 }

  /// Takes the first frame of the bytes, if it is whole.
  init?(from bytes: inout ByteBuffer) {
    var rest = bytes
    guard let high = rest.readInteger(as: UInt8.self), let low = rest.readInteger(as: UInt16.self),
      let (type, flags, stream) = rest.readMultipleIntegers(as: (UInt8, UInt8, UInt32).self),
      let payload = rest.readBytes(length: Int(high) << 16 | Int(low))
    else { return nil }
    bytes = rest
    kind = Kind(rawValue: type)
    (self.flags, self.stream, self.payload) = (flags, stream & 0x7FFF_FFFF, payload)
  }
}
