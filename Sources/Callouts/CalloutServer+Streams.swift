// SPDX-License-Identifier: Apache-2.0

extension CalloutServer {
  /// Has the hook of its direction handle a message as a stream, and does what the hook leaves undone.
  ///
  /// - Parameter passes: asked about a failure of the hook where nothing was read or answered yet, whether everything is
  ///   to pass in spite of it.
  package func handle(
    _ incoming: IncomingMessage, _ outgoing: OutgoingMessage, context: CalloutContext,
    passes: (any Error) -> Bool
  ) async throws {
    let writer = HeadersWriter(outgoing)
    do {
      switch incoming.direction {
      case .request: try await onRequestStream(incoming, reply: writer, context: context)
      case .response: try await onResponseStream(incoming, reply: writer, context: context)
      }
    } catch {
      // What is untouched can pass as it is, which is what happens next.
      guard outgoing.isUntouched, !incoming.wasRead, passes(error) else { throw error }
    }
    try await outgoing.complete()
  }
}
