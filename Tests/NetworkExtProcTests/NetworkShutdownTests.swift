// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import NetworkExtProc
import Testing

@Suite("A network callout server shuts down", .timeLimit(.minutes(1)))
struct NetworkShutdownTests {
  @Test("a connection that is left after the grace period is closed, and the stream ends with OK")
  func gracePeriod() async throws {
    let server = HookedNetwork()
    let running = try await RunningServer.start(server.service(.loopback))
    let stream = try await running.client().networkStream()
    _ = try await stream.reply(to: .readData("a"))
    await running.beginShutdown()
    #expect(try await stream.next()?.text == "close")
    #expect(try await stream.next() == nil)
    #expect(try await server.endings.next().isShutDown)
    try await running.stop()
  }

  @Test("until then it is served")
  func served() async throws {
    var configuration = ServerConfiguration.loopback
    configuration.gracePeriod = .seconds(3_600)
    let server = HookedNetwork()
    let running = try await RunningServer.start(server.service(configuration))
    let client = try await running.client()
    let stream = try await client.networkStream()
    _ = try await stream.reply(to: .readData("a"))
    await running.beginShutdown()
    while let late = try? await client.networkStream(), (try? await late.reply(to: .readData("b"))) != nil {
      late.halfClose()
    }
    #expect(try await stream.reply(to: .readData("c")).text == "read 'c' unmodified")
    stream.halfClose()
    try await running.stop()
  }
}
