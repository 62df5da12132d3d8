// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import NIOCore

/// What one stream must remember to answer as Envoy demands: the body mode of each direction and how far it is.
///
/// A pure state machine: requests and responses in, messages or an error out. There is one of it for each stream, so
/// it cannot be copied.
package struct ProcessingState: ~Copyable, Sendable {
  /// What the user knows of Envoy's filter and the stream does not tell.
  package struct Filter: Sendable {
    var allowModeOverride: Bool
    var mutationRules: MutationRules

    package init(_ configuration: CalloutServer.Configuration) {
      allowModeOverride = configuration.allowModeOverride
      mutationRules = configuration.mutationRules
    }
  }

  let filter: Filter
  var request = DirectionState()
  var response = DirectionState()
  /// What the proxy does with a mode override.
  var overriding = Overriding.possible
  /// Only with a proxy that wants ext_proc's own flow control.
  var windows: FlowControlWindows?

  /// What Envoy ignores of the answers so far: the server logs it and empties this.
  package var warnings: [String] = []

  /// The proxy only watches.
  package private(set) var isObserved = false

  enum Overriding: Sendable { case possible, ignoredInFullDuplex, ignoredWithoutWaiting }

  package init(_ filter: Filter) { self.filter = filter }

  /// A full-duplex body is under way: the proxy cannot go on without our part of it.
  package var isMidDuplexBody: Bool { request.isMidDuplexBody || response.isMidDuplexBody }

  /// The proxy waits only so long for an answer of this direction.
  package func hasMessageTimeout(_ direction: Direction) -> Bool { !isObserved && !self[direction].isDuplex }

  /// Bodies of this direction go back at their own pace.
  package func isDuplex(_ direction: Direction) -> Bool { self[direction].isDuplex }

  /// The body mode of a direction, or nil where the proxy has not told it.
  package func mode(of direction: Direction) -> BodySendMode? { self[direction].mode }

  subscript(direction: Direction) -> DirectionState {
    get { direction == .request ? request : response }
    set {
      if direction == .request { request = newValue } else { response = newValue }
    }
  }

  /// Takes note of what the proxy sent.
  package mutating func receive(_ message: ProcessingRequest) throws(CalloutError) {
    if let configuration = message.protocolConfiguration { receive(configuration) }
    if let flowControl = message.flowControl { receive(flowControl) }
    isObserved = message.observabilityMode
    guard let phase = message.phase else { return }
    switch phase {
    case .requestHeaders, .responseHeaders:
      // Only a body that is sent whole can leave with a wrong length.
      guard self[phase.direction].mayBeWhole || filter.allowModeOverride else { return }
      self[phase.direction].hasContentLength = try message.headers().contains("content-length")
    case .requestBody, .responseBody:
      let body = try message.body()
      self[phase.direction].isMidBody = !body.endOfStream
      windows?.received(body.bytes.readableBytes, phase.direction)
    case .requestTrailers, .responseTrailers: self[phase.direction].isMidBody = false
    }
  }

  private mutating func receive(_ configuration: ProcessingRequest.ProtocolConfiguration) {
    request.mode = configuration.requestBodyMode
    response.mode = configuration.responseBodyMode
    if request.isDuplex || response.isDuplex {
      overriding = .ignoredInFullDuplex
    } else if configuration.sendsBodyWithoutWaiting {
      overriding = .ignoredWithoutWaiting
    }
  }
}

/// What a stream must remember of one direction.
struct DirectionState: Sendable {
  /// The body mode, or nil while the proxy has not told it (Envoy before 1.34 never does).
  var mode: BodySendMode?
  var hasContentLength = false
  var isMidBody = false
  /// What waits for the proxy's flow-control window, with all that must not overtake it.
  var outbox: [Outgoing] = []

  enum Outgoing: Sendable {
    case body(StreamedBody, Phase, ReplyAttachments)
    case message(ByteBuffer)
  }

  var isDuplex: Bool { mode == .fullDuplexStreamed || mode == .grpc }
  var isMidDuplexBody: Bool { isDuplex && isMidBody }
  var mayBeWhole: Bool { mode == nil || mode == .buffered }

  /// Envoy fails a whole body that is not as long as its content-length says.
  func needsContentLength(for body: HTTPBody) -> Bool {
    hasContentLength && (mode == .buffered || (mode == nil && body.endOfStream))
  }
}
