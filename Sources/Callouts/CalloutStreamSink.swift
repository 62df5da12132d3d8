// SPDX-License-Identifier: Apache-2.0

/// Where the writers of a stream write to, on the event loop of its connection.
package protocol CalloutStreamSink: AnyObject {
  /// Answers the headers of a direction.
  func send(_ reply: HeadersReply, _ direction: Direction) throws
  /// Sends a piece of a direction's body.
  func send(_ body: StreamedBody, _ direction: Direction)
  /// Answers the trailers of a direction.
  func send(_ reply: TrailersReply, _ direction: Direction) throws
  /// Ends the exchange with an answer to the client.
  func send(_ response: ImmediateResponse) throws
  /// Sends a part of a streamed immediate response.
  func send(_ part: StreamedImmediateResponse.Part) throws
  /// Returns when what was sent in a direction has left as far as the stream's high-water mark demands; throws when the
  /// stream ends.
  func waitForRoom(_ direction: Direction) async throws
  /// A hook waits for more to arrive.
  func isWaitingForInput()
  /// So many bytes of body were read by the callout.
  func consumed(_ count: Int, _ direction: Direction)
}
