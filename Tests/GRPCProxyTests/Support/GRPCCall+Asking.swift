// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOCore

extension GRPCChannel {
  /// Makes a call of the ping service with one message, and no more.
  func ask(
    _ method: String, _ text: String = "", metadata: Metadata = [:], timeout: Duration? = nil, compressed: Bool = false
  ) async throws -> GRPCCall {
    let call = try await call(PingService.path(method), metadata: metadata, timeout: timeout, compressed: compressed)
    // A call that has ended already says so when its end is asked for.
    try? await call.send(ByteBuffer(string: text))
    call.halfClose()
    return call
  }
}

extension GRPCCall {
  /// All answers that are still to come.
  func texts() async throws -> [String] {
    var texts: [String] = []
    while let message = try await next() { texts.append(String(buffer: message)) }
    return texts
  }
}
