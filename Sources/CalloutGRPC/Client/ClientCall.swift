// SPDX-License-Identifier: Apache-2.0
internal import CalloutTransport
internal import NIOCore

/// The client's side of one call. Confined to the event loop of its connection.
final class ClientCall: ClientStreamHandler {
  private let request: HeaderFields
  private let eventLoop: any EventLoop
  // Set once, right after the initializer: the stream has to know its handler.
  private var stream: ClientStream!
  private let compression: Compression
  private var responseCompression = Compression.identity
  private var deframer: MessageDeframer
  private var deadline: Scheduled<Void>?

  private var headers: Metadata?
  private var httpStatus: Int?
  private var ending: GRPCCall.Ending?
  private var trailers: HeaderFields?
  private var uncredited = 0

  private var opener: CheckedContinuation<Void, any Error>?
  private var reader: CheckedContinuation<ByteBuffer?, any Error>?
  private var writers: [CheckedContinuation<Void, any Error>] = []
  private var headerWaiters: [CheckedContinuation<Metadata, any Error>] = []
  private var endingWaiters: [CheckedContinuation<GRPCCall.Ending, Never>] = []

  init(
    _ request: HeaderFields, on source: any ClientConnectionSource, compression: Compression, maxMessageLength: Int,
    eventLoop: any EventLoop
  ) {
    self.request = request
    self.compression = compression
    self.eventLoop = eventLoop
    deframer = MessageDeframer(maxMessageLength: maxMessageLength)
    stream = ClientStream(from: source, handler: self)
  }

  /// Opens the call; throws why there is no connection for it.
  func open(_ continuation: CheckedContinuation<Void, any Error>) {
    // Its deadline may have passed already.
    guard ending == nil else { return continuation.resume() }
    opener = continuation
    stream.open()
  }

  func startDeadline(in timeout: TimeAmount) {
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    deadline = eventLoop.scheduleTask(in: timeout) {
      bound.value.cancel(GRPCStatus(.deadlineExceeded, "the call's deadline has passed"))
    }
  }

  // MARK: From the caller

  func send(_ message: ByteBuffer, _ continuation: CheckedContinuation<Void, any Error>) {
    if let ending { return continuation.resume(throwing: ending.status) }
    do {
      let payload = compression == .gzip ? try Gzip.compress(message) : message
      stream.write { buffer in
        buffer.writeGRPCMessage(compressed: compression == .gzip) { $0.writeImmutableBuffer(payload) }
      }
    } catch {
      return continuation.resume(throwing: error)
    }
    if stream.isOutboundFull { writers.append(continuation) } else { continuation.resume() }
  }

  func halfClose() {
    if ending == nil { stream.end() }
  }

  func next(_ continuation: CheckedContinuation<ByteBuffer?, any Error>) {
    precondition(reader == nil, "two tasks read the responses of one call")
    reader = continuation
    deliver()
  }

  func cancel(_ status: GRPCStatus) {
    guard ending == nil else { return }
    stream.reset(.cancel)
    end(GRPCCall.Ending(status: status, trailers: [:]))
  }

  func responseHeaders(_ continuation: CheckedContinuation<Metadata, any Error>) {
    if let headers {
      continuation.resume(returning: headers)
    } else if let ending {
      continuation.resume(throwing: ending.status)
    } else {
      headerWaiters.append(continuation)
    }
  }

  func ending(_ continuation: CheckedContinuation<GRPCCall.Ending, Never>) {
    if let ending { continuation.resume(returning: ending) } else { endingWaiters.append(continuation) }
  }

  // MARK: From the stream

  func requestFields(on connection: GRPCClientConnection) -> HeaderFields { request }

  func opened() {
    opener?.resume()
    opener = nil
  }

  func receiveHeaders(_ fields: HeaderFields) {
    // A section with grpc-status is the trailers, also where it is the only one ("Trailers-Only").
    guard fields["grpc-status"] == nil, headers == nil else {
      trailers = fields
      return
    }
    httpStatus = fields[":status"].flatMap(Int.init)
    if let httpStatus, httpStatus < 200 { return }
    if let name = fields["grpc-encoding"] {
      guard let compression = Compression(rawValue: name) else {
        return cancel(GRPCStatus(.internal, "the server answers with unknown grpc-encoding '\(name)'"))
      }
      responseCompression = compression
    }
    let metadata = Metadata(fields)
    headers = metadata
    for waiter in headerWaiters { waiter.resume(returning: metadata) }
    headerWaiters = []
  }

  func receiveData(_ data: ByteBuffer) {
    uncredited += data.readableBytes
    deframer.append(data)
    deliver()
  }

  func receiveEnd() {
    // The answer is whole, whatever we would still send: not every server resets the stream then.
    returnCredit()
    end(ending(of: .closed(.noError)))
    stream.reset(.cancel)
  }

  func outboundDrained() {
    for writer in writers { writer.resume() }
    writers = []
  }

  func streamClosed(_ ending: ClientStream.Ending) {
    returnCredit()
    if case .neverOpened(let status) = ending {
      opener?.resume(throwing: status)
      opener = nil
    }
    end(self.ending(of: ending))
  }

  // MARK: Inside

  private func deliver() {
    guard let reader else { return }
    do throws(GRPCStatus) {
      if let message = try nextMessage() {
        self.reader = nil
        reader.resume(returning: message)
        return
      }
      returnCredit()
      guard let ending else { return }
      guard ending.status == .ok else { throw ending.status }
      guard !deframer.isMidMessage else {
        throw GRPCStatus(.internal, "the answer ended in the middle of a message")
      }
      self.reader = nil
      reader.resume(returning: nil)
    } catch {
      self.reader = nil
      reader.resume(throwing: error)
      cancel(error)
    }
  }

  private func nextMessage() throws(GRPCStatus) -> ByteBuffer? {
    guard let framed = try deframer.next() else { return nil }
    guard framed.compressed else { return framed.payload }
    guard responseCompression == .gzip else {
      throw GRPCStatus(.internal, "a compressed message without grpc-encoding")
    }
    return try Gzip.decompress(framed.payload, maxLength: deframer.maxMessageLength)
  }

  private func returnCredit() {
    stream.consumed(uncredited)
    uncredited = 0
  }

  private func ending(of ending: ClientStream.Ending) -> GRPCCall.Ending {
    guard let trailers, let number = trailers["grpc-status"] else {
      return GRPCCall.Ending(status: GRPCStatus(ending, httpStatus: httpStatus), trailers: [:])
    }
    let status = GRPCStatus(
      Int(number).map(GRPCStatus.Code.init(rawValue:)) ?? .unknown,
      PercentEncoding.decode((trailers["grpc-message"] ?? "").utf8))
    return GRPCCall.Ending(status: status, trailers: Metadata(trailers))
  }

  private func end(_ ending: GRPCCall.Ending) {
    self.ending = ending
    deadline?.cancel()
    deadline = nil
    opener?.resume()
    opener = nil
    for writer in writers { writer.resume(throwing: ending.status) }
    writers = []
    for waiter in headerWaiters { waiter.resume(throwing: ending.status) }
    headerWaiters = []
    for waiter in endingWaiters { waiter.resume(returning: ending) }
    endingWaiters = []
    deliver()
  }
}

extension GRPCStatus {
  /// The status of a call whose stream ended without `grpc-status`.
  package init(_ ending: ClientStream.Ending, httpStatus: Int?) {
    switch ending {
    case .neverOpened(let status): self = status
    case .connectionLost: self.init(.unavailable, "the connection was lost")
    case .closed(.noError): self.init(httpStatus: httpStatus ?? 200)
    case .closed(let code): self.init(http2ErrorCode: code.rawValue)
    }
  }
}
