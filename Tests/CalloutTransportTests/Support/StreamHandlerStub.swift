// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore

/// A stream's handler that does nothing, or what a test gives it to do.
final class StreamHandlerStub: HTTP2StreamHandler {
  var isBusy = false
  var onData: (ByteBuffer) -> Void = { _ in }
  var onEnd: () -> Void = {}
  var onClosed: () -> Void = {}
  private(set) var closedWith: [HTTP2ErrorCode] = []
  private(set) var drainedCount = 0

  func receiveHeaders(_ fields: HeaderFields) {}
  func receiveData(_ data: ByteBuffer) { onData(data) }
  func receiveEnd() { onEnd() }
  func outboundDrained() { drainedCount += 1 }
  func streamClosed(_ code: HTTP2ErrorCode) {
    closedWith.append(code)
    onClosed()
  }
}
