// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import EnvoyAPI
internal import SwiftProtobuf

// Replies that change the rules for those that follow.

extension EnvoyFilterState {
  /// Such a message does nothing else, whatever else it says.
  mutating func overrideTimeout(_ reply: ProcessingResponseMessage) {
    if reply.response != nil { warn("all but override_message_timeout was ignored: such a reply answers nothing") }
    let asked = reply.overrideMessageTimeout
    let time = Duration(secondsComponent: asked.seconds, attosecondsComponent: Int64(asked.nanos) * 1_000_000_000)
    guard time >= .milliseconds(1), time <= filter.maxMessageTimeout else {
      return warn(
        "override_message_timeout was ignored: \(time) is not within 1 ms and the filter's max_message_timeout")
    }
    let timed = Direction.allCases.filter { self[$0].deadline != nil && !self[$0].timeoutWasOverridden }
    guard !timed.isEmpty else {
      return warn("override_message_timeout was ignored: no timer runs, or it was overridden before")
    }
    for direction in timed {
      self[direction].deadline = now + time
      self[direction].timeoutWasOverridden = true
    }
  }

  mutating func overrideMode(_ mode: ProcessingMode) {
    if let obstacle = obstacleToOverride { return warn("mode_override was ignored: \(obstacle)") }
    let mode = filter.processingMode.overridden(by: mode)
    guard filter.allowedOverrideModes.isEmpty || filter.allowedOverrideModes.contains(where: mode.equals) else {
      return warn("mode_override was ignored: the filter's allowed_override_modes do not list it")
    }
    if [mode.requestBodyMode, mode.responseBodyMode].contains(.grpc) {
      warn("mode_override to the body mode GRPC shows the callout no body: Envoy does not implement it")
    }
    request.apply(mode)
    response.apply(mode)
  }

  private var obstacleToOverride: String? {
    if !filter.allowModeOverride { return "the filter has no allow_mode_override" }
    if filter.sendBodyWithoutWaitingForHeaderResponse {
      return "the filter has send_body_without_waiting_for_header_response"
    }
    let modes = [filter.processingMode.requestBodyMode, filter.processingMode.responseBodyMode]
    if modes.contains(.fullDuplexStreamed) { return "the filter is configured with FULL_DUPLEX_STREAMED" }
    if request.awaited != .headers, response.awaited != .headers { return "only replies to headers can have it" }
    return nil
  }
}

extension ProcessingMode {
  /// Modes of headers and trailers that are DEFAULT stay as they are; those of bodies are always taken.
  fileprivate func overridden(by mode: ProcessingMode) -> ProcessingMode {
    var result = self
    if mode.requestHeaderMode != .default { result.requestHeaderMode = mode.requestHeaderMode }
    if mode.responseHeaderMode != .default { result.responseHeaderMode = mode.responseHeaderMode }
    if mode.requestTrailerMode != .default { result.requestTrailerMode = mode.requestTrailerMode }
    if mode.responseTrailerMode != .default { result.responseTrailerMode = mode.responseTrailerMode }
    result.requestBodyMode = mode.requestBodyMode
    result.responseBodyMode = mode.responseBodyMode
    return result
  }

  /// The mode of request headers is not compared: it is too late for it.
  fileprivate func equals(_ other: ProcessingMode) -> Bool {
    responseHeaderMode == other.responseHeaderMode && requestBodyMode == other.requestBodyMode
      && responseBodyMode == other.responseBodyMode && requestTrailerMode == other.requestTrailerMode
      && responseTrailerMode == other.responseTrailerMode
  }
}

extension ProcessingResponseMessage.OneOf_Response {
  var isStreamedImmediateResponse: Bool {
    if case .streamedImmediateResponse = self { true } else { false }
  }

  /// The name of the field.
  var name: String {
    switch self {
    case .requestHeaders: "request_headers"
    case .responseHeaders: "response_headers"
    case .requestBody: "request_body"
    case .responseBody: "response_body"
    case .requestTrailers: "request_trailers"
    case .responseTrailers: "response_trailers"
    case .immediateResponse: "immediate_response"
    case .streamedImmediateResponse: "streamed_immediate_response"
    }
  }
}

extension Google_Protobuf_Value.OneOf_Kind {
  var isStruct: Bool {
    if case .structValue = self { true } else { false }
  }
}
