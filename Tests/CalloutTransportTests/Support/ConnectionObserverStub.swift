// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore

/// Writes down what happens to a connection; its streams get the handlers that a test makes.
final class ConnectionObserverStub: HTTP2ConnectionObserver {
  private(set) var log: [String] = []
  /// Writes down also what only matters to whoever opens streams.
  var isClient = false
  private(set) var failures: [any Error] = []
  var makeHandler: (HTTP2Stream) -> any HTTP2StreamHandler = { _ in StreamHandlerStub() }

  func note(_ text: String) { log.append(text) }

  func connectionOpened(_ connection: HTTP2ConnectionHandler) { log.append("opened") }

  func streamOpened(_ stream: HTTP2Stream, on connection: HTTP2ConnectionHandler) -> (any HTTP2StreamHandler)? {
    log.append("stream \(stream.id)")
    return makeHandler(stream)
  }

  func connectionGoingAway(_ connection: HTTP2ConnectionHandler, _ code: HTTP2ErrorCode, lastStream: Int32) {
    log.append("goAway \(code)")
  }

  func eventsDispatched() {}
  func connectionTerminated(_ code: HTTP2ErrorCode) { log.append("terminated \(code)") }

  func connectionFailed(_ error: any Error) {
    log.append("failed")
    failures.append(error)
  }

  func connectionEnding(_ connection: HTTP2ConnectionHandler) { if isClient { log.append("ending") } }
  func connectionClosed(_ connection: HTTP2ConnectionHandler) { log.append("closed") }
}
