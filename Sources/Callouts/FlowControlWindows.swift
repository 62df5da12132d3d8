// SPDX-License-Identifier: Apache-2.0

/// The books of ext_proc's own flow control, which a proxy turns on with a `flow_control_init`.
///
/// The proxy sets the windows of both ways at first; each side then gives the other increments. Only bytes of bodies
/// count. Source: ProcessingRequest.flow_control_init, client_window_update; ProcessingResponse.server_window_update.
struct FlowControlWindows: Sendable, Hashable {
  private var request: Windows
  private var response: Windows
  /// The proxy is to be told of its first windows, be it of no change.
  private var isFirstUpdateOwed = true

  /// The books of one direction's body, in bytes.
  private struct Windows: Sendable, Hashable {
    /// What the proxy may send us.
    var receiving: Int64
    /// What arrived and the callout is not done with.
    var held: Int64 = 0
    /// What we may send back; negative when the proxy took some of it away.
    var sending: Int64

    /// What the proxy's window lacks.
    var missing: Int64 { max(0, FlowControlWindows.wanted - held - receiving) }
  }

  /// What we let a proxy send ahead of the callout, for each body.
  private static let wanted: Int64 = 256 * 1_024

  /// The initial windows, as in a `flow_control_init`.
  init(receiving: ProcessingRequest.FlowControl.Both, sending: ProcessingRequest.FlowControl.Both) {
    request = Windows(receiving: Self.clamp(receiving.request), sending: Self.clamp(sending.request))
    response = Windows(receiving: Self.clamp(receiving.response), sending: Self.clamp(sending.response))
  }

  private subscript(direction: Direction) -> Windows {
    get { direction == .request ? request : response }
    set {
      if direction == .request { request = newValue } else { response = newValue }
    }
  }

  /// How many bytes of a body may be sent.
  func room(_ direction: Direction) -> Int { Int(max(0, self[direction].sending)) }

  mutating func sent(_ count: Int, _ direction: Direction) { self[direction].sending -= Int64(count) }

  /// The proxy changed what we may send.
  mutating func add(_ increment: Int64, toSendingOf direction: Direction) {
    self[direction].sending = Self.clamp(self[direction].sending + Self.clamp(increment))
  }

  mutating func received(_ count: Int, _ direction: Direction) {
    self[direction].receiving -= Int64(count)
    self[direction].held += Int64(count)
  }

  /// The callout is done with so many bytes.
  mutating func consumed(_ count: Int, _ direction: Direction) { self[direction].held -= Int64(count) }

  /// The proxy is to be told: at first, and then when half a window is missing, which spares a message for each piece.
  var isUpdateOwed: Bool {
    isFirstUpdateOwed || max(request.missing, response.missing) >= Self.wanted / 2
  }

  /// The increments that the proxy is owed.
  mutating func takeUpdate() -> (request: Int64, response: Int64) {
    isFirstUpdateOwed = false
    let update = (request: request.missing, response: response.missing)
    request.receiving += update.request
    response.receiving += update.response
    return update
  }

  /// Keeps what a proxy says within what can be added up without overflow.
  private static func clamp(_ value: Int64) -> Int64 { min(max(value, -1 << 60), 1 << 60) }
}
