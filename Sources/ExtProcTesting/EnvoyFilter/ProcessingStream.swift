// SPDX-License-Identifier: Apache-2.0
public import Callouts

/// One stream to a callout, as Envoy opens it for an exchange: messages out, replies in.
///
/// A `CalloutStream` is one. One task sends while another reads the replies.
public protocol ProcessingStream: Sendable {
  /// Sends a message; waits while the callout does not read.
  func send(_ message: ProcessingRequestMessage) async throws
  /// The next reply, or nil where the stream ended with OK; throws the `GRPCStatus` of another end.
  func next() async throws -> ProcessingResponseMessage?
  /// Says that no more messages follow.
  func halfClose()
  /// Gives the stream up, as Envoy does when it has all it wants.
  func reset()
}

extension CalloutStream: ProcessingStream {}
