// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Testing

/// A kind of ending, to compare.
enum Ending: Equatable {
  case completed, cancelled, failed, deadlineExceeded, shutDown

  init(_ ending: StreamEnding) {
    self =
      switch ending {
      case .completed: .completed
      case .cancelled: .cancelled
      case .failed: .failed
      case .deadlineExceeded: .deadlineExceeded
      case .shutDown: .shutDown
      }
  }
}

/// Runs streams of a callout whose hook waits where the path is `/wait`, and sees how they end.
struct EndingFixture {
  let gate = Gate()
  let started = Events<Void>()
  let cancelled = Events<Void>()

  /// Waits at the gate where the path is `/wait`, and tells when that is cancelled.
  func waiting() -> Hooked {
    let (gate, started, cancelled) = (gate, started, cancelled)
    return Hooked(headers: { headers, _ in
      guard headers.path == "/wait" else { return .continue }
      started.send(())
      do {
        try await gate.wait()
      } catch {
        cancelled.send(())
        throw error
      }
      return .continue
    })
  }

  /// Runs streams, and expects that each ended once and so.
  func expectEnding(
    _ expected: Ending, _ callout: Hooked? = nil, endings: Int = 1, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (RunningServer, CalloutClient, CalloutStream) async throws -> Void
  ) async throws {
    let callout = callout ?? waiting()
    try await withRunningServer(callout) { server in
      let client = try await server.client()
      let stream = try await client.stream()
      try await body(server, client, stream)
      #expect(Ending(try await callout.endings.next()) == expected, sourceLocation: sourceLocation)
    }
    #expect(callout.endings.count == endings, sourceLocation: sourceLocation)
  }
}
