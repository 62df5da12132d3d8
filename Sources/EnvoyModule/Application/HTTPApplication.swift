// SPDX-License-Identifier: Apache-2.0
public import HTTPTypes
public import NIOCore

/// An HTTP application that answers requests within Envoy, with no upstream.
///
///     struct Hello: HTTPApplication {
///       func handle(_ request: HTTPRequest, body: RequestBody, response: consuming ResponseWriter) async throws {
///         try await response.send(HTTPResponse(status: .ok), body: "hello\n")
///       }
///     }
///
/// One value serves all requests at once, each on the worker of Envoy's that has its connection: a handler may wait with
/// `await`, but must not block or compute for long, and must not use the main actor, which nobody runs there. Where a
/// handler traps, Envoy does. In Envoy's configuration its filter is a `terminal_filter`, the last one, without a router.
public protocol HTTPApplication: Sendable {
  /// What a request may take.
  var limits: RequestLimits { get }

  /// Called once, before the first request, which waits for it; where it throws every request is answered with 503.
  func start() async throws

  /// Answers a request.
  ///
  /// The client gets 500 for an error that is thrown, or the status of an `HTTPFailure`; a response that has begun is
  /// reset. The task is cancelled when the client goes, or the time is over.
  func handle(_ request: HTTPRequest, body: RequestBody, response: consuming ResponseWriter) async throws

  /// Called when Envoy drops the filter, after its last request.
  ///
  /// Envoy's main thread waits for it, for 5 s at most, so that it can end before Envoy does; a worker does not wait.
  func stop() async
}

extension HTTPApplication {
  public var limits: RequestLimits { RequestLimits() }
  public func start() async throws {}
  public func stop() async {}
}

/// What a request of an application may take.
public struct RequestLimits: Sendable, Hashable {
  /// The longest body, in bytes, or nil for any; a longer one is answered with 413.
  public var body: Int?
  /// The time from the request's headers to the end of the response, or nil for any. What takes longer is answered with
  /// 504, or reset where its response has begun.
  public var time: Duration?

  public init(body: Int? = nil, time: Duration? = nil) {
    self.body = body
    self.time = time
  }

  /// The narrower of each.
  func narrowed(to other: RequestLimits) -> RequestLimits {
    RequestLimits(
      body: [body, other.body].compactMap(\.self).min(), time: [time, other.time].compactMap(\.self).min())
  }
}

/// Answers a request with this status where a handler throws it.
public struct HTTPFailure: Error {
  /// From 200 to 599; the client gets 500 for another.
  public var status: HTTPResponse.Status
  /// The text of the answer, unless it can have no body.
  public var text: String

  public init(_ status: HTTPResponse.Status, _ text: String = "") {
    self.status = status
    self.text = text
  }
}

/// A request's body, piece by piece as it arrives; it can be read once.
///
/// What is not read stays in Envoy, which takes no more from the client once its buffer is full. Reading throws
/// `CancellationError` when the client goes, or the task is cancelled, and an `HTTPFailure` of 413 behind the limit.
/// Where several tasks read at once each piece goes to one of them, and the end to all.
public struct RequestBody: AsyncSequence, AsyncIteratorProtocol {
  let stream: ApplicationStream

  /// The trailers, once the body has been read to its end, or nil where there are none.
  public var trailers: HTTPFields? { stream.incoming.trailers }

  public func makeAsyncIterator() -> RequestBody { self }

  public func next() async throws -> ByteBuffer? { try await stream.nextPiece() }

  /// The whole body; throws an `HTTPFailure` of 413 where it is longer than `limit` bytes, or 4 GiB.
  public func collect(upTo limit: Int) async throws -> ByteBuffer {
    var whole = ByteBuffer()
    // What a buffer can hold.
    let limit = Swift.min(limit, Int(UInt32.max))
    for try await piece in self {
      guard whole.readableBytes + piece.readableBytes <= limit else { throw HTTPFailure(.contentTooLarge) }
      whole.writeImmutableBuffer(piece)
    }
    return whole
  }
}
