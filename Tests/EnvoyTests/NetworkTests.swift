// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import ExtProcTesting
import Logging
import NIOCore
import NetworkExtProc
import SwiftProtobuf
import Testing

@testable import NetworkBasic
@testable import NetworkFilter

// Envoy's own tests of its network filter, seen from the server's side, and what the proto says.

@Suite(
  "Connections through Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(3)))
struct NetworkTests {
  @Test("both directions pass, and each ends by itself, whichever ends first", arguments: [true, false])
  func halfClose(clientFirst: Bool) async throws {
    // Envoy 1.40 loses the last bytes of an upstream that closes with them when the client has ended before, whatever
    // answers it: so the upstream ends once the client has them.
    let (clientHasAll, received) = AsyncStream<Void>.makeStream()
    let upstream: TCPUpstream.Handler = { connection in
      try await connection.send("220 hi\r\n")
      if !clientFirst { try await connection.finish() }
      let text = try await connection.receiveAll()
      if clientFirst { try await connection.send("got \(text)") }
      for await _ in clientHasAll { return }
    }
    try await withNetworkProxy(NetworkBasic(), upstream: upstream) { proxy in
      let connection = try await proxy.connect()
      #expect(try await String(buffer: connection.receive(8)) == "220 hi\r\n")
      if !clientFirst { #expect(try await connection.receiveAll() == "") }
      try await connection.send("hello")
      try await connection.finish()
      if clientFirst { #expect(try await String(buffer: connection.receive(9)) == "got hello") }
      received.yield()
      #expect(try await connection.receiveAll() == "")
      #expect(proxy.log.entries(atLeast: .warning).isEmpty)
      #expect(try await proxy.envoy.statistic("network_ext_proc.network_callout.streams_grpc_error") == 0)
    }
  }

  @Test("a connection that sends nothing ends in peace")
  func empty() async throws {
    try await withNetworkProxy(NetworkBasic()) { proxy in
      let connection = try await proxy.connect()
      try await connection.finish()
      #expect(try await connection.receiveAll() == "")
    }
  }

  @Test("the client sees other bytes, several chunks, injected ones, and the order of all")
  func modified() async throws {
    let server = Scripted(
      read: { data in
        switch data.string {
        case "chunks": .replace(chunks: ["1", "2", "3"].map { ByteBuffer(string: $0) })
        case "drop": .drop
        case "ask": .drop.injecting(ByteBuffer(string: "answer"))
        default: .replace("<\(data.string)>")
        }
      }, write: { data in .replace("[\(data.string)]") })
    try await withNetworkProxy(server) { proxy in
      let connection = try await proxy.connect()
      try await connection.send("a")
      #expect(try await String(buffer: connection.receive(5)) == "[<a>]")
      try await connection.send("ask")
      #expect(try await String(buffer: connection.receive(6)) == "answer")
      try await connection.send("drop")
      // What was dropped is not there, and the connection goes on.
      try await connection.send("b")
      var seen = try await String(buffer: connection.receive(5))
      // The two may have reached Envoy as one piece.
      if seen.hasPrefix("[<dro") { seen += try await String(buffer: connection.receive(4)) }
      #expect(seen == "[<b>]" || seen == "[<dropb>]")
      try await connection.send("chunks")
      // The three chunks come back in one piece or in several, each in brackets of its own.
      var digits = ""
      while digits.count < 3 {
        digits += try await String(buffer: connection.receive(1)).filter(\.isNumber)
      }
      #expect(digits == "123")
    }
  }

  @Test("the client sees its connection closed, with what came before, or reset")
  func closed() async throws {
    let server = Scripted(
      read: { data in
        switch data.string {
        case "quit": .continue.closing()
        case "bad": .close.injecting(ByteBuffer(string: "no"))
        case "reset": .reset
        default: .continue
        }
      })
    try await withNetworkProxy(
      server,
      upstream: { connection in
        while let bytes = try await connection.receive() { try await connection.send(bytes) }
      }
    ) { proxy in
      let closing = try await proxy.connect()
      try await closing.send("hello")
      #expect(try await String(buffer: closing.receive(5)) == "hello")
      try await closing.send("bad")
      #expect(try await closing.receiveAll() == "no")
      let quitting = try await proxy.connect()
      try await quitting.send("quit")
      _ = try await quitting.receiveAll()
      let resetting = try await proxy.connect()
      try await resetting.send("reset")
      await #expect(throws: IOError.self) { try await resetting.receiveAll() }
      #expect(try await proxy.envoy.statistic("network_ext_proc.network_callout.connections_closed") == 3)
      #expect(try await proxy.envoy.statistic("network_ext_proc.network_callout.connections_reset") == 1)
      #expect(try await proxy.envoy.statistic("network_ext_proc.network_callout.streams_grpc_error") == 0)
    }
  }

  @Test("bytes that close their connection never reach the upstream")
  func keptBack() async throws {
    let (texts, received) = AsyncStream<String>.makeStream()
    let server = Scripted(read: { $0.string.contains("secret") ? .close : .continue })
    try await withNetworkProxy(
      server,
      upstream: { connection in
        defer { received.finish() }
        received.yield(try await connection.receiveAll())
      }
    ) { proxy in
      let connection = try await proxy.connect()
      try await connection.send("secret")
      #expect(try await connection.receiveAll() == "")
      #expect(await texts.reduce("", +) == "")
    }
  }

  @Test("a hook that throws closes the connection, with failure_mode_allow too; or lets pass, by its policy")
  func failing() async throws {
    for allow in [false, true] {
      try await withNetworkProxy(Scripted(read: { _ in throw Broken() }), filter: { $0.failureModeAllow = allow }) {
        let connection = try await $0.connect()
        try await connection.send("hello")
        #expect(try await connection.receiveAll() == "")
      }
    }
    try await withNetworkProxy(Scripted(policy: .passThrough, read: { _ in throw Broken() })) { proxy in
      let connection = try await proxy.connect()
      try await connection.send("hello")
      #expect(try await String(buffer: connection.receive(5)) == "hello")
    }
  }

  @Test("without a server connections are closed, or pass where that is allowed")
  func noServer() async throws {
    try await withTCPUpstream { upstream in
      for allow in [false, true] {
        var callout = EnvoyConfiguration.NetworkCallout(.unix("/nobody/listens/here"))
        callout.failureModeAllow = allow
        var configuration = EnvoyConfiguration(upstream: upstream.address)
        configuration.traffic = .tcp
        configuration.networkCallouts = [callout]
        try await withEnvoy(configuration) { envoy in
          let connection = try await TCPConnection.connect(to: envoy.address)
          try await connection.send("a")
          guard allow else {
            #expect(try await connection.receiveAll() == "")
            return
          }
          // The first bytes may be lost with the stream; those after them pass.
          let echoed = Task { try await connection.receive() }
          while try await envoy.statistic("network_ext_proc.network_callout.failure_mode_allowed") == 0 {}
          try await connection.send("b")
          let text = try await echoed.value.map { String(buffer: $0) } ?? ""
          #expect(!text.isEmpty && text.allSatisfy { "ab".contains($0) }, "\(text)")
        }
      }
    }
  }

  @Test("a direction that is skipped is not asked about", arguments: [true, false])
  func skip(read: Bool) async throws {
    let server = Scripted(read: { .replace("r\($0.string)") }, write: { .replace("w\($0.string)") })
    try await withNetworkProxy(
      server,
      filter: {
        $0.processesRead = read
        $0.processesWrite = !read
      }
    ) { proxy in
      let connection = try await proxy.connect()
      try await connection.send("a")
      #expect(try await String(buffer: connection.receive(2)) == (read ? "ra" : "wa"))
    }
  }

  @Test("attributes and metadata reach the hooks, and the stream can be left")
  func attributes() async throws {
    let server = Scripted(readInContext: { data, context in
      let port = context.attribute("destination.port")?.numberValue ?? 0
      return .replace("\(data.string) \(port > 0)").closingStream()
    })
    try await withNetworkProxy(
      server, filter: { $0.furtherJSON = #"{"connection_attributes": ["destination.port"]}"# }
    ) { proxy in
      let connection = try await proxy.connect()
      try await connection.send("a")
      #expect(try await String(buffer: connection.receive(6)) == "a true")
      try await connection.send("b")
      #expect(try await String(buffer: connection.receive(1)) == "b")
    }
  }

  @Test("a hook that takes longer than Envoy waits is given up, and its connection closed; or its bytes are lost")
  func timeout() async throws {
    for allow in [false, true] {
      let (cancellations, cancelled) = AsyncStream<Void>.makeStream()
      let server = Scripted(readInContext: { data, _ in
        guard data.string == "slow" else { return .continue }
        try? await Task.sleep(for: .seconds(3_600))
        cancelled.yield()
        return .continue
      })
      try await withNetworkProxy(
        server,
        filter: {
          $0.messageTimeout = .milliseconds(200)
          $0.failureModeAllow = allow
        }
      ) { proxy in
        let connection = try await proxy.connect()
        try await connection.send("slow")
        for await _ in cancellations { break }
        guard allow else {
          #expect(try await connection.receiveAll() == "")
          return
        }
        try await connection.send("later")
        #expect(try await String(buffer: connection.receive(5)) == "later")
      }
    }
  }

  @Test("a client that goes away while a hook waits has the hook cancelled")
  func clientGone() async throws {
    let (starts, started) = AsyncStream<Void>.makeStream()
    let (cancellations, cancelled) = AsyncStream<Void>.makeStream()
    let server = Scripted(readInContext: { data, _ in
      guard data.string == "slow" else { return .continue }
      started.yield()
      try? await Task.sleep(for: .seconds(3_600))
      cancelled.yield()
      return .continue
    })
    try await withNetworkProxy(server) { proxy in
      let connection = try await proxy.connect()
      try await connection.send("slow")
      for await _ in starts { break }
      // A reset: after a mere end Envoy would go on.
      try await connection.reset()
      for await _ in cancellations { break }
      #expect(proxy.log.entries(atLeast: .warning).isEmpty)
    }
  }

  @Test("metadata that one filter's callout sets reaches the next one's, where both namespaces are listed")
  func metadata() async throws {
    let setting = Scripted(readInContext: { _, _ in
      .continue.settingMetadata(["user": "eve"], in: "kept").settingMetadata(["user": "bob"], in: "other")
    })
    let reading = Scripted(readInContext: { _, context in
      let users = ["kept", "other"].map { context.filterMetadata[$0]?.fields["user"]?.stringValue ?? "none" }
      return .replace(users.joined(separator: " "))
    })
    try await withTCPUpstream { upstream in
      try await withRunningServer(setting) { first in
        try await withRunningServer(reading) { second in
          var callouts = [first, second].map { EnvoyConfiguration.NetworkCallout($0.addresses.plaintext!) }
          callouts[0].name = "first"
          callouts[0].furtherJSON = #"{"metadata_options": {"receiving_namespaces": {"untyped": ["kept"]}}}"#
          callouts[1].furtherJSON =
            #"{"metadata_options": {"forwarding_namespaces": {"untyped": ["kept", "other"]}}}"#
          var configuration = EnvoyConfiguration(upstream: upstream.address)
          configuration.traffic = .tcp
          configuration.networkCallouts = callouts
          try await withEnvoy(configuration) { envoy in
            let connection = try await TCPConnection.connect(to: envoy.address)
            try await connection.send("hello")
            #expect(try await String(buffer: connection.receive(8)) == "eve none")
          }
        }
      }
    }
  }

  @Test("200 connections at once are each answered their own")
  func many() async throws {
    try await withNetworkProxy(NetworkBasic()) { proxy in
      try await withThrowingTaskGroup(of: Void.self) { clients in
        for number in 0..<200 {
          clients.addTask {
            let connection = try await proxy.connect()
            for round in 0..<5 {
              let text = "connection \(number) round \(round) " + String(repeating: "x", count: number * 50)
              try await connection.send(text)
              #expect(try await String(buffer: connection.receive(text.utf8.count)) == text)
            }
            try await connection.finish()
            #expect(try await connection.receiveAll() == "")
          }
        }
        try await clients.waitForAll()
      }
      #expect(proxy.log.entries(atLeast: .warning).isEmpty)
    }
  }

  @Test("connections are closed when the server's grace period is over")
  func shutdown() async throws {
    try await withNetworkProxy(NetworkBasic()) { proxy in
      let connection = try await proxy.connect()
      try await connection.send("hello")
      #expect(try await String(buffer: connection.receive(5)) == "hello")
      await proxy.server.beginShutdown()
      #expect(try await connection.receiveAll() == "")
      #expect(try await proxy.envoy.statistic("network_ext_proc.network_callout.streams_grpc_error") == 0)
    }
  }

  @Test("a test's network filter does as Envoy does")
  func player() async throws {
    // Upper case is the same whatever the pieces are in which the echo comes back.
    let server = Scripted(read: Self.mangle, write: { .replace($0.string.uppercased()) })
    try await withNetworkProxy(server) { proxy in
      let connection = try await proxy.connect()
      var events: [EnvoyNetworkFilter.Event] = []
      var (sent, seen) = (0, 0)
      for text in ["0abc", "1xyz", "2q", "3" + String(repeating: "m", count: 200_000), "1z", "0"] {
        events.append(.client(text))
        let asked = try await EnvoyNetworkFilter().connection(events, with: server)
        let forUpstream = asked.upstreamBytes.getSlice(at: sent, length: asked.upstreamBytes.readableBytes - sent)!
        sent = asked.upstreamBytes.readableBytes
        events.append(.upstreamSends(forUpstream))
        let expected = try await EnvoyNetworkFilter().connection(events, with: server)
        #expect(expected.warnings.isEmpty)
        #expect(expected.state == .open)

        try await connection.send(text)
        let received = try await connection.receive(expected.clientBytes.readableBytes - seen)
        #expect(received == expected.clientBytes.getSlice(at: seen, length: received.readableBytes))
        seen = expected.clientBytes.readableBytes
      }
    }
  }

  /// Answers by how what comes begins.
  @Sendable private static func mangle(_ data: NetworkData) -> NetworkReply {
    switch data.string.first {
    case "0": .continue.injecting(ByteBuffer(string: "injected"))
    case "1": .replace(chunks: data.string.map { ByteBuffer(string: "<\($0)>") }).injecting(ByteBuffer(string: "one"))
    case "2": .drop.injecting(ByteBuffer(string: "two"))
    default: .continue
    }
  }
}

/// A network callout that answers as a test says.
private final class Scripted: NetworkCalloutServer, @unchecked Sendable {
  private var settings = Configuration()
  private var read: @Sendable (NetworkData, NetworkContext) async throws -> NetworkReply = { _, _ in .continue }
  private var write: @Sendable (NetworkData) throws -> NetworkReply = { _ in .continue }

  convenience init(
    policy: FailurePolicy = .close, read: @escaping @Sendable (NetworkData) throws -> NetworkReply = { _ in .continue },
    write: @escaping @Sendable (NetworkData) throws -> NetworkReply = { _ in .continue }
  ) {
    self.init(readInContext: { data, _ in try read(data) })
    settings.failurePolicy = policy
    self.write = write
  }

  convenience init(
    readInContext read: @escaping @Sendable (NetworkData, NetworkContext) async throws -> NetworkReply
  ) {
    self.init()
    self.read = read
  }

  override var configuration: Configuration { settings }

  override func onReadData(_ data: NetworkData, context: NetworkContext) async throws -> NetworkReply {
    try await read(data, context)
  }

  override func onWriteData(_ data: NetworkData, context: NetworkContext) async throws -> NetworkReply {
    try write(data)
  }
}

private struct Broken: Error {}
