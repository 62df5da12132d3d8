// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import Dispatch
import ExtProcTesting
import NIOCore
import NIOPosix
import Testing

/// A kind of ending, to compare.
private enum Ending: Equatable {
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

@Suite("The end of a stream is told once", .timeLimit(.minutes(1)))
struct StreamEndTests {
  private let gate = Gate()
  private let started = Events<Void>()
  private let cancelled = Events<Void>()

  /// Waits at the gate where the path is `/wait`, and tells when that is cancelled.
  private func waiting() -> Hooked {
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
  private func expectEnding(
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

  @Test("completed when the proxy half-closes after its answers")
  func halfClose() async throws {
    try await expectEnding(.completed) { _, _, stream in
      _ = try await stream.reply(to: .requestHeaders([:]))
      stream.halfClose()
      #expect(await stream.status == .ok)
    }
  }

  @Test("completed when the proxy half-closes before the answer, which still comes")
  func halfCloseEarly() async throws {
    try await expectEnding(.completed) { _, _, stream in
      try await stream.send(.requestHeaders([":path": "/wait"]))
      stream.halfClose()
      try await started.next()
      gate.open()
      #expect(try await stream.next() != nil)
      #expect(await stream.status == .ok)
    }
  }

  @Test("completed when the proxy resets the stream after its answers, as Envoy does")
  func resetAfterAnswer() async throws {
    try await expectEnding(.completed) { _, _, stream in
      _ = try await stream.reply(to: .requestHeaders([:]))
      stream.reset()
    }
  }

  @Test("cancelled when the proxy resets the stream before it asked anything")
  func resetAtOnce() async throws {
    try await expectEnding(.cancelled, endings: 2) { _, client, stream in
      // An answer on a later stream shows that the server knows of this one.
      let later = try await client.stream()
      _ = try await later.reply(to: .requestHeaders([:]))
      stream.reset()
    }
  }

  @Test("cancelled when the proxy resets the stream while the first hook waits, which is cancelled too")
  func resetDuringFirstHook() async throws {
    try await expectEnding(.cancelled) { _, _, stream in
      try await stream.send(.requestHeaders([":path": "/wait"]))
      try await started.next()
      stream.reset()
      try await cancelled.next()
    }
  }

  @Test("cancelled when the proxy resets the stream while a later hook waits")
  func resetDuringLaterHook() async throws {
    try await expectEnding(.cancelled) { _, _, stream in
      _ = try await stream.reply(to: .requestHeaders([:]))
      try await stream.send(.responseHeaders([":path": "/wait"]))
      try await started.next()
      stream.reset()
      try await cancelled.next()
    }
  }

  @Test("cancelled when the connection is lost while a hook waits")
  func connectionLost() async throws {
    try await expectEnding(.cancelled) { _, client, stream in
      try await stream.send(.requestHeaders([":path": "/wait"]))
      try await started.next()
      await client.close()
      try await cancelled.next()
    }
  }

  @Test("completed when the connection is lost with nothing left to answer")
  func connectionLostAfterAnswer() async throws {
    try await expectEnding(.completed) { _, client, stream in
      _ = try await stream.reply(to: .requestHeaders([:]))
      await client.close()
    }
  }

  @Test("failed when the hook throws")
  func failed() async throws {
    struct Failure: Error {}
    try await expectEnding(.failed, Hooked(headers: { _, _ in throw Failure() })) { _, _, stream in
      await #expect(throws: GRPCStatus.self) { try await stream.reply(to: .requestHeaders([:])) }
    }
  }

  @Test("shut down when the server's grace period is over, which the proxy sees as OK")
  func shutDown() async throws {
    try await expectEnding(.shutDown) { server, _, stream in
      _ = try await stream.reply(to: .requestHeaders([:]))
      await server.beginShutdown()
      #expect(await stream.status == .ok)
    }
  }

  @Test("shut down in the middle of a full-duplex body, which the proxy sees as UNAVAILABLE")
  func shutDownInBody() async throws {
    try await expectEnding(.shutDown) { server, _, stream in
      _ = try await stream.reply(to: .requestHeaders([:]).withBodyModes(request: .fullDuplexStreamed))
      _ = try await stream.reply(to: .requestBody("a part"))
      await server.beginShutdown()
      #expect(await stream.status.code == .unavailable)
    }
  }

  @Test("shut down while a hook waits, which is cancelled")
  func shutDownDuringHook() async throws {
    try await expectEnding(.shutDown) { server, _, stream in
      try await stream.send(.requestHeaders([":path": "/wait"]))
      try await started.next()
      await server.beginShutdown()
      try await cancelled.next()
    }
  }

  @Test("past its deadline when the time that the proxy set is over, and the hook is cancelled")
  func deadline() async throws {
    let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let release = DispatchSemaphore(value: 0)
    let callout = waiting()
    try await withRunningServer(callout) { server in
      let address = try server.addresses.plaintext!.resolve()
      let channel = try await GRPCChannel.connect(to: address, on: loops.next())
      let call = try await channel.call(
        "/envoy.service.ext_proc.v3.ExternalProcessor/Process", timeout: .milliseconds(200))
      try await call.send(ProcessingRequestMessage.requestHeaders([":path": "/wait"]))
      try await started.next()
      // The client keeps its deadline too, so it is stopped for this to be the server's doing.
      loops.next().execute { release.wait() }
      try await cancelled.next()
      #expect(Ending(try await callout.endings.next()) == .deadlineExceeded)
      release.signal()
      #expect(await call.ending.status.code == .deadlineExceeded)
      await channel.close()
    }
    #expect(callout.endings.count == 1)
    try await loops.shutdownGracefully()
  }
}
