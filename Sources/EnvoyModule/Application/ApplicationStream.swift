// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import HTTPTypes
internal import Logging
internal import NIOCore

/// One request of an application, and its response.
final class ApplicationStream: FilterStream, @unchecked Sendable {
  /// The listener's, or that of the stream's route.
  private var filter: ApplicationFilter
  private(set) var limits: RequestLimits
  private let began = ContinuousClock.now
  private var handling: Handling?
  private var clock: Task<Void, Never>?
  /// The handler has waited, or is done.
  private var isUnderWay = false
  var stage = Stage.headers
  var incoming = Incoming()

  /// What of the response has been sent.
  enum Stage { case headers, body, ended }

  init(_ envoy: EnvoyStream, _ filter: ApplicationFilter) {
    self.filter = filter
    limits = filter.limits
    super.init(envoy)
  }

  // MARK: Envoy's hooks

  override func requestHeaders(endOfStream: Bool) -> HeadersStatus {
    incoming.hasEnded = endOfStream
    let handling = Handling(HTTPRequest(envoy), self)
    self.handling = handling
    runTurn { start(handling) }
    isUnderWay = true
    startClock()
    return .wait
  }

  override func requestBody(endOfStream: Bool) -> DataStatus {
    incoming.hasEnded = endOfStream
    runTurn(wakeReaders)
    return .wait
  }

  override func requestTrailers() -> TrailersStatus {
    incoming.hasEnded = true
    incoming.hasTrailers = true
    runTurn(wakeReaders)
    return .wait
  }

  override func streamEnded() {
    handling?.cancel()
    clock?.cancel()
    wakeReaders()
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
      try takeFilterOfRoute()
      guard let request else { throw HTTPFailure(.badRequest) }
      try checkLength(request)
      try await filter.waitForStart()
      try await filter.application.handle(
        request, body: RequestBody(stream: self), response: ResponseWriter(stream: self))
      if stage == .headers { throw ModuleError("the handler has sent no response") }
      if isOpen, stage == .body { end(with: [:]) }
    } catch {
      fail(error)
    }
    clock?.cancel()
  }

  /// A route may have an application of its own.
  private func takeFilterOfRoute() throws {
    guard let own = try envoy.filterOfRoute(ApplicationFilter.self, "an application") else { return }
    filter = own
    limits = own.limits
  }

  private func fail(_ error: any Error) {
    guard isOpen, stage != .ended else { return }
    do {
      guard let failure = error as? HTTPFailure else { throw error }
      try failure.status.checkFinal()
      answer(failure)
    } catch {
      filter.logger.error("a request failed", metadata: ["error": "\(error)"])
      answer(HTTPFailure(.internalServerError))
    }
  }

  /// Envoy resets the stream where a response has begun.
  private func answer(_ failure: HTTPFailure) {
    stage = .ended
    // Envoy itself keeps the text from the client where the request is HEAD, and says how long it is.
    let text = failure.status == .noContent || failure.status == .notModified ? "" : failure.text
    envoy.sendResponse(
      failure.status.code, [], ByteBuffer(string: text), details: "application_\(failure.status.code)")
  }

  // MARK: Limits

  /// Has the limits of an application count that was chosen for the request, as far as they are narrower.
  func narrow(to limits: RequestLimits, _ request: HTTPRequest) throws {
    self.limits = self.limits.narrowed(to: limits)
    try checkLength(request)
    if isUnderWay { startClock() }
  }

  private func checkLength(_ request: HTTPRequest) throws {
    guard let limit = limits.body, let length = request.headerFields[.contentLength].flatMap({ Int($0) }) else {
      return
    }
    if length > limit { throw HTTPFailure(.contentTooLarge) }
  }

  private func startClock() {
    clock?.cancel()
    guard let time = limits.time, isOpen, stage != .ended else { return }
    let end = began + time
    clock = Task {
      guard (try? await Task.sleep(until: end, clock: .continuous)) != nil else { return }
      self.inLaterTurn {
        guard self.isOpen, self.stage != .ended else { return }
        self.handling?.cancel()
        self.answer(HTTPFailure(.gatewayTimeout))
        self.wakeReaders()
      }
    }
  }

  func checkOpen() throws {
    guard isOpen else { throw CancellationError() }
    try Task.checkCancellation()
  }
}
