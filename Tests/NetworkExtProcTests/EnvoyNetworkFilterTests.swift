// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import NIOCore
import NetworkExtProc
import SwiftProtobuf
import Testing

@Suite("A test's network filter plays Envoy", .timeLimit(.minutes(1)))
struct EnvoyNetworkFilterTests {
  @Test("bytes pass in both directions, and so do their ends")
  func pass() async throws {
    let connection = try await EnvoyNetworkFilter().connection(
      [.upstream("220 hi\r\n"), .client("QUIT\r\n"), .clientEnds, .upstream("221 bye\r\n"), .upstreamEnds],
      with: HookedNetwork())
    #expect(connection.upstreamReceived == "QUIT\r\n")
    #expect(connection.clientReceived == "220 hi\r\n221 bye\r\n")
    #expect(connection.upstreamSawEnd && connection.clientSawEnd)
    #expect(connection.state == .open)
    #expect(connection.warnings.isEmpty)
  }

  @Test("a direction that is not processed passes by itself")
  func skip() async throws {
    var filter = EnvoyNetworkFilter()
    filter.processesWrite = false
    let server = HookedNetwork(write: { _, _ in .replace("W") }, read: { _, _ in .replace("R") })
    let connection = try await filter.connection([.client("a"), .upstream("b")], with: server)
    #expect(connection.upstreamReceived == "R")
    #expect(connection.clientReceived == "b")
  }

  @Test("closed, reset, and what was sent before")
  func closed() async throws {
    let closing = HookedNetwork(read: { data, _ in
      data.string == "bad" ? .close.injecting(ByteBuffer(string: "no")) : .continue
    })
    let connection = try await EnvoyNetworkFilter().connection(
      [.client("good"), .client("bad"), .client("late")], with: closing)
    #expect(connection.state == .closed)
    #expect(connection.upstreamReceived == "good")
    #expect(connection.clientReceived == "no")
    let resetting = HookedNetwork(read: { _, _ in .reset })
    #expect(try await EnvoyNetworkFilter().connection([.client("a")], with: resetting).state == .reset)
  }

  @Test("a callout that answers too late closes the connection, or loses the bytes where failures are allowed")
  func timeout() async throws {
    let server = HookedNetwork(read: { data, _ in
      if data.string == "slow" { try await Task.sleep(for: .seconds(3_600)) }
      return .continue
    })
    var filter = EnvoyNetworkFilter()
    filter.messageTimeout = .seconds(1)
    let events: [EnvoyNetworkFilter.Event] = [.client("a"), .client("slow"), .client("b")]
    let closed = try await filter.connection(events, with: server)
    #expect(closed.state == .failed("no answer within 1.0 seconds"))
    filter.failureModeAllow = true
    let bypassed = try await filter.connection(events, with: server)
    #expect(bypassed.state == .open)
    #expect(bypassed.upstreamReceived == "ab")
    #expect(bypassed.warnings == ["Envoy ignores the bytes without an answer are lost by the timeout"])
  }

  @Test("after close_stream_to_ext_proc_server the callout is not asked any more")
  func leaves() async throws {
    let server = HookedNetwork(read: { data, _ in .replace("<\(data.string)>").closingStream() })
    let connection = try await EnvoyNetworkFilter().connection([.client("a"), .client("b")], with: server)
    #expect(connection.upstreamReceived == "<a>b")
  }

  @Test("dynamic metadata is taken in the namespaces that are listed, attributes go with the first message")
  func metadata() async throws {
    var filter = EnvoyNetworkFilter()
    filter.receivingNamespaces = ["taken"]
    filter.connectionAttributes = ["source.address": "10.0.0.1:1"]
    let server = HookedNetwork(read: { _, context in
      .replace(context.attribute("source.address")?.stringValue ?? "none")
        .settingMetadata(["a": "1"], in: "taken").settingMetadata(["b": "2"], in: "other")
    })
    let connection = try await filter.connection([.client("x"), .client("y")], with: server)
    #expect(connection.upstreamReceived == "10.0.0.1:110.0.0.1:1")
    #expect(connection.dynamicMetadata == ["taken": ["a": "1"]])
    #expect(connection.warnings.count == 2)
  }

  @Test("a callout that cannot be reached closes the connection, or is gone past")
  func unreachable() async throws {
    let server = try await RunningServer.start(HookedNetwork().service(.loopback))
    let client = try await server.client()
    await client.close()
    var filter = EnvoyNetworkFilter()
    #expect(
      await filter.connection([.client("a")], with: client).state
        == .failed("the stream ended with UNAVAILABLE: the connection is closed"))
    filter.failureModeAllow = true
    #expect(await filter.connection([.client("a")], with: client).upstreamReceived == "a")
    try await server.stop()
  }
}
