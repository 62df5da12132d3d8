// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// The server's side of one call, told on the event loop of its connection.
///
/// This is the one primitive; `GRPCMethod` makes async functions out of it.
package protocol ServerCallHandler: AnyObject {
  /// A whole message arrived, decompressed. The next comes when the call is not paused.
  func receive(_ message: consuming ByteBuffer)
  /// The client will send no more messages.
  func receiveEnd()
  /// There is work in hand beside a message that has paused the call. A call that ends meanwhile keeps its stream's
  /// place until the handler resumes it.
  var isBusy: Bool { get }
  /// The server is shutting down and its grace period is over: finish the call now.
  func shutDown()
  /// The call is over, whoever ended it; called once, last.
  func callEnded(_ ending: CallEnding)
}

extension ServerCallHandler {
  package var isBusy: Bool { false }
}

/// How a call ended, as the server sees it.
public enum CallEnding: Sendable, Hashable {
  /// The server finished it with this status.
  case finished(GRPCStatus)
  /// The client reset the stream, or the connection went away; the HTTP/2 error code says no more than that.
  ///
  /// Envoy ends every ext_proc call this way once it has the answers it wanted.
  case reset(code: UInt32)
}
