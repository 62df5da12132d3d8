// SPDX-License-Identifier: Apache-2.0
package import CalloutTransport
package import NIOCore

/// What carries the messages of one stream: a gRPC call, or a test. Confined to its event loop.
package protocol CallTransport: AnyObject {
  /// The number of the stream, for logs.
  var id: Int { get }
  /// The proxy's address as text, or nil for a Unix-domain socket.
  var peer: String? { get }
  /// The metadata of the call.
  var metadata: [(name: String, value: String)] { get }
  var eventLoop: any EventLoop { get }
  /// Runs hooks on the event loop.
  var tasks: EventLoopTasks { get }
  /// The proxy got an answer, or all that it sent was dealt with.
  var isAnswered: Bool { get }
  /// More was sent than should be held for a proxy that does not read.
  var isOutboundFull: Bool { get }
  /// Called once when that has left.
  var whenDrained: (() -> Void)? { get set }
  /// Holds further messages back, until `resume()`.
  func pause()
  func resume()
  /// Sends one message, whose bytes `body` writes.
  func send(_ body: (inout ByteBuffer) -> Void)
  /// Sends one message, which begins with the `headLength` bytes that `head` writes and ends with `rest`; that is not
  /// copied before it is sent.
  func send(headLength: Int, _ head: (inout ByteBuffer) -> Void, rest: ByteBuffer)
  func markAnswered()
  /// Ends the stream.
  func finish(_ status: GRPCStatus)
}

extension ServerCall: CallTransport {
  package var peer: String? { connection.peer }
  package var tasks: EventLoopTasks { connection.tasks }

  package var metadata: [(name: String, value: String)] {
    Metadata(headers).compactMap { entry in
      if case .string(let value) = entry.value { (entry.name, value) } else { nil }
    }
  }

  package func finish(_ status: GRPCStatus) { finish(status, trailers: [:]) }
}
