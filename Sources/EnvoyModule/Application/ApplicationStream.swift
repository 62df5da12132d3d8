// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import HTTPTypes
internal import Logging
internal import NIOCore

/// One request of an application, and its response.
final class ApplicationStream: FilterStream, @unchecked Sendable {
  let filter: ApplicationFilter
  private(set) var trailers: HTTPFields?
  private var handling: Handling?
  private var clock: Task<Void, Never>?
  /// The request is here to its end.
  private var hasEnded = false
  private var length = 0
  private var hasTrailers = false
  private var stage = Stage.headers
  private var reader: UnsafeContinuation<Void, Never>?

  private enum Stage { case headers, body, ended }

  init(_ envoy: EnvoyStream, _ filter: ApplicationFilter) {
    self.filter = filter
    super.init(envoy)
  }

  // MARK: Envoy's hooks

  override func requestHeaders(endOfStream: Bool) -> HeadersStatus {
    hasEnded = endOfStream
    let request = HTTPRequest(envoy)
    let handling = Handling(request, self)
    self.handling = handling
    start(handling)
    runReady()
    if let time = filter.limits.time, stage != .ended { startClock(time) }
    return .wait
  }

  override func requestBody(endOfStream: Bool) -> DataStatus {
    hasEnded = endOfStream
    wakeReader()
    runReady()
    return .wait
  }

  override func requestTrailers() -> TrailersStatus {
    hasEnded = true
    hasTrailers = true
    wakeReader()
    runReady()
    return .wait
  }

  override func streamEnded() {
    handling?.cancel()
    clock?.cancel()
    wakeReader()
  }

  // MARK: The handler

  private final class Handling: StreamWork {
    private let request: HTTPRequest?
    // Kept by the task that does the work.
    private unowned(unsafe) let stream: ApplicationStream

    init(_ request: HTTPRequest?, _ stream: ApplicationStream) {
      self.request = request
      self.stream = stream
    }

    override func run() async { await stream.run(request) }
  }

  private func run(_ request: HTTPRequest?) async {
    do {
      try checkLength(request)
      try await filter.waitForStart()
      guard let request else { throw HTTPFailure(.badRequest) }
      try await filter.application.handle(
        request, body: RequestBody(stream: self), response: ResponseWriter(stream: self))
      if stage == .headers { throw Silent() }
      if isOpen, stage == .body { end(with: [:]) }
    } catch {
      fail(error)
    }
    clock?.cancel()
  }

  private struct Silent: Error, CustomStringConvertible {
    let description = "the handler has sent no response"
  }

  private func checkLength(_ request: HTTPRequest?) throws {
    guard let limit = filter.limits.body, let length = request?.headerFields[.contentLength].flatMap({ Int($0) })
    else { return }
    if length > limit { throw HTTPFailure(.contentTooLarge) }
  }

  private func fail(_ error: any Error) {
    guard isOpen, stage != .ended else { return }
    let failure = error as? HTTPFailure
    if failure == nil { filter.logger.error("a request failed", metadata: ["error": "\(error)"]) }
    answer(failure ?? HTTPFailure(.internalServerError))
  }

  /// Envoy resets the stream where a response has begun.
  private func answer(_ failure: HTTPFailure) {
    stage = .ended
    envoy.sendResponse(
      failure.status.code, [], ByteBuffer(string: failure.text), details: "application_\(failure.status.code)")
  }

  private func startClock(_ time: Duration) {
    clock = Task {
      guard (try? await Task.sleep(for: time)) != nil else { return }
      self.inLaterTurn {
        guard self.isOpen, self.stage != .ended else { return }
        self.handling?.cancel()
        self.answer(HTTPFailure(.gatewayTimeout))
        self.wakeReader()
      }
    }
  }

  // MARK: The request's body

  func nextPiece() async throws -> ByteBuffer? {
    while true {
      try checkOpen()
      let piece = takePiece()
      if piece.readableBytes > 0 {
        length += piece.readableBytes
        if let limit = filter.limits.body, length > limit { throw HTTPFailure(.contentTooLarge) }
        return piece
      }
      if hasEnded {
        if hasTrailers, trailers == nil { trailers = HTTPFields(envoy, .requestTrailers) }
        return nil
      }
      await withUnsafeContinuation { reader = $0 }
    }
  }

  /// All that Envoy has of the body.
  private func takePiece() -> ByteBuffer {
    var piece = ByteBuffer()
    for place in [BodyKind.bufferedRequest, .receivedRequest] {
      for chunk in envoy.body(place) { piece.writeBytes(chunk) }
      envoy.drainBody(place)
    }
    return piece
  }

  private func wakeReader() {
    let reader = reader
    self.reader = nil
    reader?.resume()
  }

  // MARK: The response

  func send(_ response: HTTPResponse, endOfStream: Bool) throws {
    try checkOpen()
    precondition(stage == .headers, "a response is sent once")
    stage = endOfStream ? .ended : .body
    sendHeaders(response.status.code, response.headerFields.answerHeaders, endOfStream: endOfStream)
  }

  func write(_ bytes: ByteBuffer, endOfStream: Bool) async throws {
    await waitForClient()
    try checkOpen()
    guard stage == .body else { throw CancellationError() }
    if endOfStream { stage = .ended }
    sendData(bytes, endOfStream: endOfStream)
  }

  func finish(_ trailers: HTTPFields) async throws {
    try checkOpen()
    guard stage == .body else { throw CancellationError() }
    end(with: trailers)
  }

  private func end(with trailers: HTTPFields) {
    stage = .ended
    if trailers.isEmpty {
      sendData(ByteBuffer(), endOfStream: true)
    } else {
      sendTrailers(trailers.answerHeaders)
    }
  }

  private func checkOpen() throws {
    guard isOpen else { throw CancellationError() }
    try Task.checkCancellation()
  }
}
