// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import NIOCore

extension ApplicationStream {
  func send(_ response: HTTPResponse, endOfStream: Bool) throws {
    try checkOpen()
    try response.status.checkFinal()
    // The time may be over meanwhile.
    guard stage == .headers else { throw CancellationError() }
    stage = endOfStream ? .ended : .body
    sendHeaders(response.status.code, response.headerFields.answerHeaders, endOfStream: endOfStream)
    if hasNoBody { stage = .ended }
  }

  func write(_ bytes: ByteBuffer, endOfStream: Bool) async throws {
    await waitForClient()
    try checkOpen()
    guard stage == .body else { throw CancellationError() }
    if endOfStream { stage = .ended }
    sendData(bytes, endOfStream: endOfStream)
  }

  func finish(_ trailers: HTTPFields) async throws {
    if hasNoBody { return }
    try checkOpen()
    guard stage == .body else { throw CancellationError() }
    end(with: trailers)
  }

  func end(with trailers: HTTPFields) {
    stage = .ended
    if trailers.isEmpty {
      sendData(ByteBuffer(), endOfStream: true)
    } else {
      sendTrailers(trailers.answerHeaders)
    }
  }
}

extension HTTPResponse.Status {
  /// Throws where no response ends with this status. Source: RFC 9110 §15.
  func checkFinal() throws(ModuleError) {
    guard (200...599).contains(code) else { throw ModuleError("status \(code) is not between 200 and 599") }
  }
}
