// SPDX-License-Identifier: Apache-2.0
public import Callouts

/// A callout that does one thing, over ext_proc as within Envoy.
public final class Trial: CalloutServer, @unchecked Sendable {
  public typealias Answer =
    @Sendable (ProcessingRequest, CalloutContext) async throws -> ProcessingResponse?
  public typealias Stream = @Sendable (IncomingMessage, consuming HeadersWriter, CalloutContext) async throws -> Void

  private var settings = Configuration()
  private var answer: Answer = { _, _ in nil }
  private var stream: Stream?

  /// - Parameter answer: what it answers; nil lets pass.
  convenience init(
    _ phases: Set<Phase>, _ configure: (inout Configuration) -> Void = { _ in }, answer: @escaping Answer
  ) {
    self.init()
    settings.messageTimeout = .seconds(20)
    settings.phases = phases
    configure(&settings)
    self.answer = answer
  }

  /// Handles a direction as a stream.
  convenience init(
    streaming direction: Direction, _ configure: (inout Configuration) -> Void = { _ in }, _ stream: @escaping Stream
  ) {
    let isRequest = direction == .request
    let phases: Set<Phase> =
      isRequest
      ? [.requestHeaders, .requestBody, .requestTrailers] : [.responseHeaders, .responseBody, .responseTrailers]
    self.init(phases) { settings in
      if isRequest { settings.requestBody = .stream } else { settings.responseBody = .stream }
      configure(&settings)
    } answer: { _, _ in
      nil
    }
    self.stream = stream
  }

  override public var configuration: Configuration { settings }

  override public func process(
    _ request: ProcessingRequest, context: CalloutContext
  ) async throws -> ProcessingResponse {
    try await answer(request, context) ?? .continue(request.phase!)
  }

  override public func onRequestStream(
    _ request: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
  ) async throws {
    try await stream?(request, reply, context)
  }

  override public func onResponseStream(
    _ response: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
  ) async throws {
    try await stream?(response, reply, context)
  }
}
