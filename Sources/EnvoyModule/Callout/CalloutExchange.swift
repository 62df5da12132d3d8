// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import NIOCore
internal import SwiftProtobuf

/// One HTTP exchange of a callout in Envoy: asks the hooks about what Envoy tells of, one at a time and in order.
///
/// What a hook is asked about waits in Envoy, and so does what follows it in its direction. Envoy calls only about what
/// arrives, so that the answer to a hook that waited is put into what Envoy keeps meanwhile.
final class CalloutExchange: FilterStream, @unchecked Sendable {
  @exclusivity(unchecked) private(set) var filter: CalloutFilter
  @exclusivity(unchecked) private(set) var context: CalloutContext
  /// The request's and the response's.
  private let directions = UnsafeMutablePointer<DirectionState>.allocate(capacity: 2)
  /// What a hook is at work on.
  @exclusivity(unchecked) var hookCall: HookCall?
  /// An answer to the client that is being written piece by piece.
  @exclusivity(unchecked) var answering: StreamedAnswer?
  /// The client was answered, or is being: nothing more is asked.
  @exclusivity(unchecked) var isAnswered = false
  /// What the exchange failed with.
  var failure: (any Error)?
  /// Envoy's dynamic metadata, for a hook that does not run on the worker.
  var metadata: [String: Google_Protobuf_Struct]?
  /// The exchange ended while a hook was at work.
  private var wasInterrupted = false
  /// The direction whose hook of Envoy's is running.
  @exclusivity(unchecked) private(set) var hook: Direction?
  @exclusivity(unchecked) private var isAdvancing = false

  init(_ envoy: EnvoyStream, _ filter: CalloutFilter, id: Int) {
    self.filter = filter
    context = CalloutContext(streamID: id, peer: nil, logger: filter.logger)
    for index in 0..<2 { (directions + index).initialize(to: DirectionState()) }
    super.init(envoy)
    context.setStream(self)
  }

  deinit {
    directions.deinitialize(count: 2)
    directions.deallocate()
  }

  // One yield each, and in memory of its own: only then it is inlined, and no coroutine takes memory.
  subscript(direction: Direction) -> DirectionState {
    @inline(__always) _read { yield directions[direction == .request ? 0 : 1] }
    @inline(__always) _modify { yield &directions[direction == .request ? 0 : 1] }
  }

  // MARK: Envoy's hooks

  override func requestHeaders(endOfStream: Bool) -> HeadersStatus {
    // A route may have a callout of its own.
    do throws(ModuleError) {
      if let own = try envoy.filterOfRoute(CalloutFilter.self, "a callout") { filter = own }
    } catch {
      fail(.requestHeaders, error, answering: nil)
      return .wait
    }
    return headers(.request, endOfStream)
  }

  override func responseHeaders(endOfStream: Bool) -> HeadersStatus { headers(.response, endOfStream) }
  override func requestBody(endOfStream: Bool) -> DataStatus { body(.request, endOfStream) }
  override func responseBody(endOfStream: Bool) -> DataStatus { body(.response, endOfStream) }
  override func requestTrailers() -> TrailersStatus { trailers(.request) }
  override func responseTrailers() -> TrailersStatus { trailers(.response) }

  private func headers(_ direction: Direction, _ endOfStream: Bool) -> HeadersStatus {
    guard !isAnswered else { return direction == .request ? .wait : .proceed }
    self[direction].begin(filter, direction, endOfStream)
    // Before anything of the body is there, which may be while the headers' hook waits.
    if self[direction].delivery == .whole { envoy.raiseBufferLimit(to: self[direction].limit) }
    if self[direction].delivery == .stream {
      beginStream(direction)
    } else if handles(.headers, direction) {
      self[direction].queue.append(.headers)
    } else {
      prepareForBody(direction)
    }
    advance(in: direction)
    return goesOn(direction, mayAddBody: self[direction].isWithoutBody) ? .proceed : .wait
  }

  private func body(_ direction: Direction, _ endOfStream: Bool) -> DataStatus {
    guard !isAnswered else { return direction == .request ? .drop : .proceed }
    self[direction].hasEnded = endOfStream
    self[direction].hasEndedInBody = endOfStream
    self[direction].mustBeAnsweredAnew = false
    let status = bodyArrived(direction)
    return goesOn(direction) ? .proceed : status
  }

  private func trailers(_ direction: Direction) -> TrailersStatus {
    guard !isAnswered else { return direction == .request ? .wait : .proceed }
    self[direction].hasEnded = true
    let isHeld = self[direction].isHeld
    trailersArrived(direction)
    return goesOn(direction, mayAddBody: isHeld) ? .proceed : .wait
  }

  /// Whether what arrived goes on, with all that was held before it.
  ///
  /// - Parameter mayAddBody: Envoy would send body that is added now. It does not add any to headers of a message that has
  ///   some, nor to trailers where nothing was held before: then the body goes on in a turn of its own.
  private func goesOn(_ direction: Direction, mayAddBody: Bool = true) -> Bool {
    guard mayAddBody || isAnswered || self[direction].outgoing.readableBytes == 0 else {
      self[direction].isHeld = true
      inLaterTurn { if self.isOpen { self.hookEnded() } }
      return false
    }
    let mayProceed = !isAnswered && !isWaiting(direction)
    self[direction].isHeld = !mayProceed
    if mayProceed { putOutgoing(direction) }
    return mayProceed || (isAnswered && direction == .response)
  }

  /// Something of the direction is still to be answered, or to arrive before it can be.
  func isWaiting(_ direction: Direction) -> Bool {
    if let stream = self[direction].stream { return self[direction].isStreamWaiting(stream) }
    if let hookCall, hookCall.phase.direction == direction, !hookCall.isSettled { return true }
    return !self[direction].queue.isEmpty || self[direction].awaitsRest
  }

  func handles(_ part: MessagePart, _ direction: Direction) -> Bool {
    filter.handles(part.phase(direction))
  }

  // MARK: One after the other

  /// Asks about all that is there, as far as hooks answer without waiting, and lets go on what has been answered.
  ///
  /// - Parameter direction: the direction whose hook of Envoy's this is within, or nil. It goes on by what the hook
  ///   returns.
  func advance(in direction: Direction?, after first: () -> Void = {}) {
    let outer = (hook, isAdvancing)
    (hook, isAdvancing) = (direction, true)
    runTurn {
      first()
      askNext()
    }
    while hookCall == nil, isToGoOn { runTurn(askNext) }
    if hookCall != nil, isToGoOn { startClockOfNext() }
    (hook, isAdvancing) = outer
    if !isAdvancing { release(except: direction) }
  }

  /// Something is there to be asked about.
  private var isToGoOn: Bool {
    isOpen && !isAnswered && !(self[.request].queue.isEmpty && self[.response].queue.isEmpty)
  }

  private func askNext() {
    while hookCall == nil, isOpen, !isAnswered {
      if let part = self[.request].queue.takeFirst() {
        ask(part, .request)
      } else if let part = self[.response].queue.takeFirst() {
        ask(part, .response)
      } else {
        break
      }
    }
  }

  /// A hook has ended that may have waited.
  func hookEnded() {
    if isOpen, !isAdvancing { advance(in: nil) }
  }

  /// Lets go on what has been answered, but for the direction whose hook of Envoy's this is within.
  func release(except current: Direction?) {
    for direction in Direction.allCases
    where direction != current && isOpen && !isAnswered && self[direction].isHeld && !isWaiting(direction) {
      self[direction].isHeld = false
      putOutgoing(direction)
      if self[direction].mustBeAnsweredAnew { answerAnew() } else { proceed(direction) }
    }
  }

  private func proceed(_ direction: Direction) {
    let isHeld = self[.response].isHeld
    envoy.proceed(direction)
    // The response was Envoy's own, and began meanwhile.
    self[.response].mustBeAnsweredAnew =
      !EnvoyStream.continuesDirectionsApart && direction == .request && self[.response].isHeld && !isHeld
  }

  override func streamEnded() {
    hookCall?.cancel()
    hookCall?.deadlines?.stop()
    answering?.cancel()
    for index in 0..<2 { directions[index].stream?.breakOff() }
    if !isBusy { end() }
  }

  /// Hooks are at work.
  private var isBusy: Bool {
    hookCall != nil || answering != nil || (0..<2).contains { directions[$0].stream?.isRunning == true }
  }

  /// A hook has ended after the exchange; the last of them ends it for good.
  func hookEndedLate() {
    wasInterrupted = true
    if !isBusy { end() }
  }

  /// The exchange is over, and no hook is at work.
  private func end() {
    let ending: StreamEnding =
      if let failure { .failed(failure) } else if wasInterrupted { .cancelled } else { .completed }
    filter.callout.onStreamEnd(ending, context: context)
    context.setStream(nil)
    // They have the exchange, as it has them.
    for index in 0..<2 { directions[index].stream = nil }
  }
}

extension CalloutExchange: CalloutStream {
  // Nobody's call carries this exchange.
  var callMetadata: [(name: String, value: String)] { [] }

  var filterMetadata: [String: Google_Protobuf_Struct] { metadata ?? (isOpen ? envoy.metadata : [:]) }

  func overrideMessageTimeout(_ timeout: Duration) {
    if filter.runsOnWorker { extendTimeout(timeout) } else { inLaterTurn { self.extendTimeout(timeout) } }
  }
}
