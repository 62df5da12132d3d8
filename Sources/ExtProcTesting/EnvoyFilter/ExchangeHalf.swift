// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import EnvoyAPI
internal import NIOCore

/// One half of an exchange, the request or the response: what has come to the filter, what it holds, what it let pass.
struct ExchangeHalf {
  /// What the filter waits for a reply to.
  enum Awaited {
    case nothing, headers, bufferedBody, streamedBody, partialBody, trailers
  }

  /// A piece of the body that was sent and waits for its reply.
  struct Chunk {
    var bytes: ByteBuffer
    var isLast: Bool
  }

  let direction: Direction

  // What is sent.
  var sendsHeaders = true
  var bodyMode = BodySendMode.none
  var sendsTrailers = false

  // What is still to come to the filter.
  private(set) var hasBegun = false
  /// There is neither a body nor trailers.
  private(set) var endsWithHeaders = false
  private(set) var pieces: [ByteBuffer] = []
  private(set) var comingTrailers: HTTPFields?
  var bodyHasArrived = false

  // What the filter holds.
  var awaited = Awaited.nothing
  var headers: HTTPFields = [:]
  /// A reply to the body can still change the headers.
  var headersCanChange = false
  var buffer: ByteBuffer?
  var queue: [Chunk] = []
  var trailers: HTTPFields?
  var isComplete = false
  var bodyWasSent = false
  var bodyIsReplaced = false
  var partialBodyIsDone = false
  var trailersWereSent = false
  var attributesWereSent = false
  var deadline: ContinuousClock.Instant?
  var timeoutWasOverridden = false

  // What it let pass.
  private(set) var headersHavePassed = false
  private(set) var passedBody = ByteBuffer()
  private(set) var passedTrailers: HTTPFields = [:]
  var hasEnded = false

  init(_ direction: Direction) { self.direction = direction }

  mutating func begin(_ section: HTTPFields, body: [ByteBuffer], trailers: HTTPFields, isWithoutBody: Bool) {
    hasBegun = true
    headers = section
    pieces = body
    comingTrailers = trailers.all.isEmpty ? nil : trailers
    endsWithHeaders = isWithoutBody
    isComplete = isWithoutBody
  }

  mutating func apply(_ mode: ProcessingMode) {
    switch direction {
    case .request:
      sendsHeaders = mode.requestHeaderMode != .skip
      bodyMode = mode.requestBodyMode
      sendsTrailers = mode.requestTrailerMode == .send
    case .response:
      sendsHeaders = mode.responseHeaderMode != .skip
      bodyMode = mode.responseBodyMode
      sendsTrailers = mode.responseTrailerMode == .send
    }
  }

  /// The filter has nothing to ask about.
  var isUnprocessed: Bool { !sendsHeaders && !sendsTrailers && bodyMode == .none }

  /// The callout may still change the body's length when the headers have passed.
  var losesContentLength: Bool {
    switch bodyMode {
    case .streamed, .bufferedPartial, .fullDuplexStreamed: true
    case .buffered: !sendsHeaders
    default: false
    }
  }

  var queuedBytes: Int { queue.reduce(0) { $0 + $1.bytes.readableBytes } }

  mutating func finishWaiting(for next: Awaited = .nothing) {
    awaited = next
    deadline = nil
    timeoutWasOverridden = false
  }

  mutating func passHeaders() {
    headersHavePassed = true
    headersCanChange = false
  }

  mutating func passBody(_ bytes: ByteBuffer) {
    passHeaders()
    passedBody.writeImmutableBuffer(bytes)
  }

  mutating func passTrailers(_ fields: HTTPFields) {
    passHeaders()
    passedTrailers = fields
    trailers = nil
  }
}
