// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import Callouts
internal import EnvoyAPI
internal import NIOCore

/// The rules of Envoy's ext_proc filter for one exchange, without I/O: what happens goes in, what to do comes out.
struct EnvoyFilterState {
  /// What happens.
  enum Event {
    case reply(ProcessingResponseMessage)
    case streamEnded(GRPCStatus)
    case upstreamAnswered(HTTPResponse)
    /// The deadline may be over.
    case alarm
  }

  /// What to do.
  enum Effect {
    case send(ProcessingRequestMessage)
    case askUpstream(HTTPRequest)
    /// No more messages follow; replies are of no use any more, unless the filter observes.
    case closeStream
  }

  let filter: EnvoyFilter
  /// Bytes of a body that come to the filter at once.
  let chunkSize: Int
  var request = ExchangeHalf(.request)
  var response = ExchangeHalf(.response)
  var exchange = EnvoyExchange()
  var effects: [Effect] = []
  var failure: ExchangeFailure?
  /// The exchange goes on without the callout.
  var isDone = false
  /// The callout sends the response itself, piece by piece.
  var localResponseHasStarted = false
  var protocolConfigWasSent = false
  var streamIsOpen = false
  var now: ContinuousClock.Instant
  private var idleDeadline: ContinuousClock.Instant

  init(_ filter: EnvoyFilter, chunkSize: Int, now: ContinuousClock.Instant) {
    self.filter = filter
    self.chunkSize = chunkSize
    self.now = now
    idleDeadline = now + filter.streamIdleTimeout
    request.apply(filter.processingMode)
    response.apply(filter.processingMode)
  }

  subscript(direction: Direction) -> ExchangeHalf {
    get { direction == .request ? request : response }
    _modify {
      switch direction {
      case .request: yield &request
      case .response: yield &response
      }
    }
  }

  /// Nothing more is to happen.
  var isOver: Bool {
    failure != nil || response.hasEnded && !(filter.observabilityMode && streamIsOpen)
  }

  /// When to send an alarm, or nil where the callout is not waited for.
  var deadline: ContinuousClock.Instant? {
    guard !isOver, awaitedPart != nil else { return nil }
    return [request.deadline, response.deadline, idleDeadline].compactMap { $0 }.min()
  }

  /// The client's request comes to the filter.
  mutating func begin(_ message: HTTPRequest) {
    let isWithoutBody = message.body.readableBytes == 0 && !message.isChunked && message.trailers.all.isEmpty
    exchange.upstreamRequest = nil
    request.begin(
      HTTPFields(section: message), body: pieces(message.body), trailers: message.trailers,
      isWithoutBody: isWithoutBody)
    headersArrive(.request)
  }

  mutating func handle(_ event: Event, at time: ContinuousClock.Instant) {
    now = time
    guard !isOver else { return }
    switch event {
    case .reply(let reply): receive(reply)
    case .streamEnded(let status): streamEnded(status)
    case .upstreamAnswered(let message): upstreamAnswered(message)
    case .alarm: return alarm()
    }
    idleDeadline = now + filter.streamIdleTimeout
  }

  private mutating func upstreamAnswered(_ message: HTTPResponse) {
    let hasNone = request.headers[":method"] == "HEAD" || [204, 304].contains(message.status)
    let isWithoutBody =
      hasNone || message.body.readableBytes == 0 && !message.isChunked && message.trailers.all.isEmpty
    response.begin(
      HTTPFields(section: message), body: hasNone ? [] : pieces(message.body),
      trailers: hasNone ? [:] : message.trailers, isWithoutBody: isWithoutBody)
    headersArrive(.response)
  }

  private mutating func alarm() {
    for half in [request, response] {
      guard let deadline = half.deadline, deadline <= now else { continue }
      return fail(.messageTimeout(awaitedPart ?? "", filter.messageTimeout))
    }
    guard let awaitedPart, idleDeadline <= now else { return }
    fail(.idle(awaitedPart, filter.streamIdleTimeout))
  }

  /// What the callout has to reply to next, in words, or nil where nothing is awaited.
  var awaitedPart: String? {
    if filter.observabilityMode { return response.hasEnded && streamIsOpen ? "the end of the stream" : nil }
    guard !isDone else { return nil }
    if localResponseHasStarted { return "the end of the streamed immediate response" }
    for half in [request, response] where half.hasBegun && !half.hasEnded {
      switch half.awaited {
      case .nothing: continue
      case .headers: return "the \(half.direction) headers"
      case .bufferedBody, .streamedBody, .partialBody: return "the \(half.direction) body"
      case .trailers: return "the \(half.direction) trailers"
      }
    }
    return nil
  }

  private func pieces(_ body: ByteBuffer) -> [ByteBuffer] {
    var (body, pieces) = (body, [ByteBuffer]())
    while let piece = body.readSlice(length: min(chunkSize, body.readableBytes)), piece.readableBytes > 0 {
      pieces.append(piece)
    }
    return pieces
  }
}
