// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import Testing

@Suite("The end of a stream is told once", .timeLimit(.minutes(1)))
struct StreamEndTests {
  private let fixture = EndingFixture()

  @Test("completed when the proxy half-closes after its answers")
  func halfClose() async throws {
    try await fixture.expectEnding(.completed) { _, _, stream in
      _ = try await stream.reply(to: .requestHeaders([:]))
      stream.halfClose()
      #expect(await stream.status == .ok)
    }
  }

  @Test("completed when the proxy half-closes before the answer, which still comes")
  func halfCloseEarly() async throws {
    try await fixture.expectEnding(.completed) { _, _, stream in
      try await stream.send(.requestHeaders([":path": "/wait"]))
      stream.halfClose()
      try await fixture.started.next()
      fixture.gate.open()
      #expect(try await stream.next() != nil)
      #expect(await stream.status == .ok)
    }
  }

  @Test("completed when the proxy resets the stream after its answers, as Envoy does")
  func resetAfterAnswer() async throws {
    try await fixture.expectEnding(.completed) { _, _, stream in
      _ = try await stream.reply(to: .requestHeaders([:]))
      stream.reset()
    }
  }

  @Test("cancelled when the proxy resets the stream before it asked anything")
  func resetAtOnce() async throws {
    try await fixture.expectEnding(.cancelled, endings: 2) { _, client, stream in
      // An answer on a later stream shows that the server knows of this one.
      let later = try await client.stream()
      _ = try await later.reply(to: .requestHeaders([:]))
      stream.reset()
    }
  }

  @Test("cancelled when the proxy resets the stream while the first hook waits, which is cancelled too")
  func resetDuringFirstHook() async throws {
    try await fixture.expectEnding(.cancelled) { _, _, stream in
      try await stream.send(.requestHeaders([":path": "/wait"]))
      try await fixture.started.next()
      stream.reset()
      try await fixture.cancelled.next()
    }
  }

  @Test("cancelled when the proxy resets the stream while a later hook waits")
  func resetDuringLaterHook() async throws {
    try await fixture.expectEnding(.cancelled) { _, _, stream in
      _ = try await stream.reply(to: .requestHeaders([:]))
      try await stream.send(.responseHeaders([":path": "/wait"]))
      try await fixture.started.next()
      stream.reset()
      try await fixture.cancelled.next()
    }
  }

  @Test("cancelled when the connection is lost while a hook waits")
  func connectionLost() async throws {
    try await fixture.expectEnding(.cancelled) { _, client, stream in
      try await stream.send(.requestHeaders([":path": "/wait"]))
      try await fixture.started.next()
      await client.close()
      try await fixture.cancelled.next()
    }
  }

  @Test("completed when the connection is lost with nothing left to answer")
  func connectionLostAfterAnswer() async throws {
    try await fixture.expectEnding(.completed) { _, client, stream in
      _ = try await stream.reply(to: .requestHeaders([:]))
      await client.close()
    }
  }

  @Test("failed when the hook throws")
  func failed() async throws {
    struct Failure: Error {}
    try await fixture.expectEnding(.failed, Hooked(headers: { _, _ in throw Failure() })) { _, _, stream in
      await #expect(throws: GRPCStatus.self) { try await stream.reply(to: .requestHeaders([:])) }
    }
  }
}
