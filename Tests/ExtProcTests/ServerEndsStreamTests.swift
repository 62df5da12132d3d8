// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import Dispatch
import ExtProcTesting
import NIOCore
import NIOPosix
import Testing

@Suite("The end of a stream that the server ends", .timeLimit(.minutes(1)))
struct ServerEndsStreamTests {
  private let fixture = EndingFixture()

  @Test("shut down when the server's grace period is over, which the proxy sees as OK")
  func shutDown() async throws {
    try await fixture.expectEnding(.shutDown) { server, _, stream in
      _ = try await stream.reply(to: .requestHeaders([:]))
      await server.beginShutdown()
      #expect(await stream.status == .ok)
    }
  }

  @Test("shut down in the middle of a full-duplex body, which the proxy sees as UNAVAILABLE")
  func shutDownInBody() async throws {
    try await fixture.expectEnding(.shutDown) { server, _, stream in
      _ = try await stream.reply(to: .requestHeaders([:]).withBodyModes(request: .fullDuplexStreamed))
      _ = try await stream.reply(to: .requestBody("a part"))
      await server.beginShutdown()
      #expect(await stream.status.code == .unavailable)
    }
  }

  @Test("shut down while a hook waits, which is cancelled")
  func shutDownDuringHook() async throws {
    try await fixture.expectEnding(.shutDown) { server, _, stream in
      try await stream.send(.requestHeaders([":path": "/wait"]))
      try await fixture.started.next()
      await server.beginShutdown()
      try await fixture.cancelled.next()
    }
  }

  @Test("past its deadline when the time that the proxy set is over, and the hook is cancelled")
  func deadline() async throws {
    let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let release = DispatchSemaphore(value: 0)
    let callout = fixture.waiting()
    try await withRunningServer(callout) { server in
      let address = try server.addresses.plaintext!.resolve()
      let channel = try await GRPCChannel.connect(to: address, on: loops.next())
      let call = try await channel.call(
        "/envoy.service.ext_proc.v3.ExternalProcessor/Process", timeout: .seconds(3))
      try await call.send(ProcessingRequestMessage.requestHeaders([":path": "/wait"]))
      try await fixture.started.next()
      // The client keeps its deadline too, so it is stopped for this to be the server's doing.
      loops.next().execute { release.wait() }
      try await fixture.cancelled.next()
      #expect(Ending(try await callout.endings.next()) == .deadlineExceeded)
      release.signal()
      #expect(await call.ending.status.code == .deadlineExceeded)
      await channel.close()
    }
    #expect(callout.endings.count == 1)
    try await loops.shutdownGracefully()
  }
}
