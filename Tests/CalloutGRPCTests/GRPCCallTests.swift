// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore
import Testing

@Suite("calls between our client and our server", .timeLimit(.minutes(1)))
struct GRPCCallTests {
  @Test("a unary call gets its answer, over plaintext and over TLS", arguments: [false, true])
  func unary(tls: Bool) async throws {
    try await TestServer.run(tls: tls ? .selfSigned() : nil) { server in
      let channel = try await server.connect()
      #expect(try await channel.ask(echoPath, "hello") == "hello")
      #expect(try await channel.ask(echoPath, "") == "")
      #expect(try await channel.ask(echoPath, String(repeating: "x", count: 3_000_000))?.utf8.count == 3_000_000)
    }
  }

  @Test("messages stream both ways, one at a time, and half-close ends them")
  func pingPong() async throws {
    try await TestServer.run { server in
      let call = try await server.connect().call(echoPath)
      for number in 0..<100 {
        try await call.send(ByteBuffer(string: "message \(number)"))
        #expect(try await call.text() == "message \(number)")
      }
      call.halfClose()
      #expect(try await call.text() == nil)
      #expect(await call.ending.status == .ok)
      #expect(try await call.text() == nil)
    }
  }

  @Test("many messages sent before any is read arrive in order")
  func clientStreaming() async throws {
    let collect = GRPCMethod("Collect") { (requests, responses, _) in
      var all: [String] = []
      for try await message in requests { all.append(String(buffer: message)) }
      try await responses.send(ByteBuffer(string: all.joined(separator: ",")))
    }
    try await TestServer.run([collect]) { server in
      let call = try await server.connect().call("/test.Service/Collect")
      for number in 0..<1_000 { try await call.send(ByteBuffer(string: "\(number)")) }
      call.halfClose()
      #expect(try await call.texts() == [(0..<1_000).map(String.init).joined(separator: ",")])
    }
  }

  @Test("many answers to one message arrive in order")
  func serverStreaming() async throws {
    let count = GRPCMethod("Count") { (requests, responses, _) in
      for try await _ in requests {}
      for number in 0..<1_000 { try await responses.send(ByteBuffer(string: "\(number)")) }
    }
    try await TestServer.run([count]) { server in
      let call = try await server.connect().call("/test.Service/Count")
      call.halfClose()
      #expect(try await call.texts() == (0..<1_000).map(String.init))
    }
  }

  @Test("a call without any message ends as its handler says")
  func emptyStream() async throws {
    try await TestServer.run { server in
      let call = try await server.connect().call(echoPath)
      call.halfClose()
      #expect(try await call.texts() == [])
      #expect(await call.ending.status == .ok)
    }
  }

  @Test("a handler may answer and end before the client has finished")
  func earlyEnd() async throws {
    let early = GRPCMethod("Early") { (_, responses, _) in try await responses.send(ByteBuffer(string: "enough")) }
    try await TestServer.run([early]) { server in
      let call = try await server.connect().call("/test.Service/Early")
      #expect(try await call.texts() == ["enough"])
      #expect(await call.ending.status == .ok)
    }
  }

  @Test("calls on one connection run side by side")
  func concurrentCalls() async throws {
    try await TestServer.run { server in
      let channel = try await server.connect()
      let answers = try await withThrowingTaskGroup(of: String?.self) { group in
        for number in 0..<200 { group.addTask { try await channel.ask(echoPath, "\(number)") } }
        return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
      }
      #expect(answers == Set((0..<200).map { "\($0)" }))
    }
  }

  @Test(
    "a status thrown by a handler reaches the client, whatever its message holds",
    arguments: [
      GRPCStatus(.notFound, "no such thing"), GRPCStatus(.unauthenticated), GRPCStatus(.aborted, "100 % »süß«\n\t😀\0"),
      GRPCStatus(.init(rawValue: 99), "a code of our own"), GRPCStatus(.dataLoss, String(repeating: "x", count: 2_000)),
    ])
  func thrownStatus(status: GRPCStatus) async throws {
    let fail = GRPCMethod("Fail") { (_, _, _) in throw status }
    let failLate = GRPCMethod("FailLate") { (_, responses, _) in
      try await responses.send(ByteBuffer(string: "first"))
      throw status
    }
    try await TestServer.run([fail, failLate]) { server in
      let channel = try await server.connect()
      #expect(try await channel.status(of: "/test.Service/Fail") == status)
      let late = try await channel.call("/test.Service/FailLate")
      #expect(try await late.text() == "first")
      await #expect(throws: status) { try await late.next() }
      #expect(await late.ending.status == status)
    }
  }

  @Test("any other error is UNKNOWN, and its text stays with the server")
  func thrownError() async throws {
    struct Secret: Error { var password = "hunter2" }
    let fail = GRPCMethod("Fail") { (_, _, _) in throw Secret() }
    try await TestServer.run([fail]) { server in
      let status = try await server.connect().status(of: "/test.Service/Fail")
      #expect(status.code == .unknown)
      #expect(!status.message.contains("hunter2") && !status.message.contains("Secret"))
    }
  }

  @Test("the client's metadata reaches the handler in order, duplicates and bytes included")
  func requestMetadata() async throws {
    let received = Events<Metadata>()
    let look = GRPCMethod("Look") { (_, _, context) in received.send(context.metadata) }
    var metadata: Metadata = ["x-first": "1", "x-twice": "a"]
    try metadata.append("x-data-bin", .binary(Array(0...255)))
    try metadata.append("x-twice", "b, c")
    try metadata.append("x-data-bin", .binary([]))
    try metadata.append("x-empty", "")
    try await TestServer.run([look]) { [metadata] server in
      let call = try await server.connect().call("/test.Service/Look", metadata: metadata)
      call.halfClose()
      #expect(await call.ending.status == .ok)
      let seen = try #require(await received.next())
      #expect(seen.filter { $0.name.hasPrefix("x-") } == Array(metadata))
      #expect(seen.strings("x-twice") == ["a", "b, c"])
      #expect(seen.allSatisfy { !$0.name.hasPrefix("grpc-") && !$0.name.hasPrefix(":") })
    }
  }

  @Test("the server's trailers reach the client in order, duplicates and bytes included")
  func trailers() async throws {
    var trailers: Metadata = ["x-twice": "a", "x-once": "o"]
    try trailers.append("x-twice", "b")
    try trailers.append("x-data-bin", .binary([0xFF, 0]))
    let finish = GRPCMethod("Finish") { [trailers] call in
      call.finish(GRPCStatus(.ok), trailers: trailers)
      return IdleHandler()
    }
    let sendAndFinish = GRPCMethod("SendAndFinish") { [trailers] call in
      call.send { $0.writeString("message") }
      call.finish(GRPCStatus(.outOfRange, "so"), trailers: trailers)
      return IdleHandler()
    }
    try await TestServer.run([finish, sendAndFinish]) { [trailers] server in
      let channel = try await server.connect()
      let alone = try await channel.call("/test.Service/Finish").ending
      #expect(alone.status == .ok)
      #expect(alone.trailers.filter { $0.name.hasPrefix("x-") } == Array(trailers))
      let call = try await channel.call("/test.Service/SendAndFinish")
      #expect(try await call.text() == "message")
      let ending = await call.ending
      #expect(ending.status == GRPCStatus(.outOfRange, "so"))
      #expect(ending.trailers.filter { $0.name.hasPrefix("x-") } == Array(trailers))
    }
  }

  @Test("the handler knows the client's address")
  func peer() async throws {
    let peers = Events<String?>()
    let look = GRPCMethod("Look") { (_, _, context) in peers.send(context.peer) }
    try await TestServer.run([look]) { server in
      _ = try await server.connect().status(of: "/test.Service/Look")
      let peer = try #require(await peers.next())
      #expect(peer?.contains("127.0.0.1") == true)
    }
  }

  @Test("compressed messages are decompressed, and answered compressed")
  func gzip() async throws {
    let text = String(repeating: "again and again ", count: 100_000)
    try await TestServer.run { server in
      let channel = try await server.connect()
      #expect(try await channel.ask(echoPath, text, compressed: true) == text)
      #expect(try await channel.ask(echoPath, "", compressed: true) == "")
    }
  }

  @Test("a deadline ends a call at the client, and cancels its handler")
  func clientDeadline() async throws {
    let events = Events<String>()
    try await TestServer.run([.sleeping(events)]) { server in
      let channel = try await server.connect()
      let call = try await channel.call("/test.Service/Sleep", timeout: .seconds(5))
      await #expect(throws: GRPCStatus.self) { try await call.next() }
      #expect(await call.ending.status.code == .deadlineExceeded)
      #expect(await events.next() == "started")
      #expect(await events.next() == "cancelled")
    }
  }

  @Test(
    "a deadline of any length is taken, and a call that is done in time does not notice",
    arguments: [
      Duration.seconds(60), .seconds(99_999_999 * 3_600), .seconds(Int64.max),
    ])
  func longDeadline(timeout: Duration) async throws {
    try await TestServer.run { server in
      let call = try await server.connect().call(echoPath, timeout: timeout)
      try await call.send(ByteBuffer(string: "x"))
      #expect(try await call.text() == "x")
      call.halfClose()
      #expect(await call.ending.status == .ok)
    }
  }

  @Test("a deadline already past ends a call before anything comes of it")
  func pastDeadline() async throws {
    try await TestServer.run { server in
      let call = try await server.connect().call(echoPath, timeout: .zero)
      #expect(await call.ending.status.code == .deadlineExceeded)
    }
  }

  @Test("a call given up by the client cancels its handler and what it waits for", arguments: [true, false])
  func cancellation(afterFirstAnswer: Bool) async throws {
    let events = Events<String>()
    let wait = GRPCMethod("Wait") { (requests, responses, _) in
      try await responses.send(ByteBuffer(string: "first"))
      events.send("started")
      do {
        for try await _ in requests {}
      } catch {
        events.send("\((error as? GRPCStatus)?.code.description ?? "other"), cancelled: \(Task.isCancelled)")
      }
    }
    try await TestServer.run([wait]) { server in
      let channel = try await server.connect()
      let call = try await channel.call("/test.Service/Wait")
      #expect(await events.next() == "started")
      if afterFirstAnswer { #expect(try await call.text() == "first") }
      call.cancel()
      #expect(await events.next() == "CANCELLED, cancelled: true")
      #expect(await call.ending.status.code == .cancelled)
      await #expect(throws: GRPCStatus.self) { try await call.send(ByteBuffer(string: "late")) }
    }
  }

  @Test("a lost connection ends its calls with UNAVAILABLE, and cancels their handlers")
  func lostConnection() async throws {
    let events = Events<String>()
    try await TestServer.run([.sleeping(events)]) { server in
      let call = try await server.connect().call("/test.Service/Sleep")
      #expect(await events.next() == "started")
      server.server.closeConnections()
      #expect(await call.ending.status.code == .unavailable)
      #expect(await events.next() == "cancelled")
    }
  }

  @Test("a closed channel ends its calls and takes no more")
  func closedChannel() async throws {
    try await TestServer.run { server in
      let channel = try await server.connect()
      let call = try await channel.call(echoPath)
      await channel.close()
      #expect(await call.ending.status.code == .unavailable)
      let refusal = await #expect(throws: GRPCStatus.self) { try await channel.call(echoPath) }
      #expect(refusal?.code == .unavailable)
    }
  }

  @Test("where nobody listens, or who listens is not to be trusted, connecting is UNAVAILABLE and says why")
  func cannotConnect() async throws {
    try await TestServer.run(tls: .selfSigned()) { server in
      let untrusted = GRPCChannel.Configuration(
        tls: .init(trustRoots: try TLSIdentity.selfSigned().certificateChain, serverName: "localhost"))
      let refusal = await #expect(throws: GRPCStatus.self) {
        try await GRPCChannel.connect(to: server.address, configuration: untrusted)
      }
      #expect(refusal?.code == .unavailable)
      #expect(refusal?.message.contains("not trusted") == true)
    }
    // A path, since a port that was free a moment ago may be another test's by now.
    let nobody = try SocketAddress(unixDomainSocketPath: "/nonexistent/callouts.sock")
    let refusal = await #expect(throws: GRPCStatus.self) { try await GRPCChannel.connect(to: nobody) }
    #expect(refusal?.code == .unavailable)
  }
}

/// A handler of a call that is finished before it begins.
final class IdleHandler: ServerCallHandler {
  func receive(_ message: consuming ByteBuffer) {}
  func receiveEnd() {}
  func shutDown() {}
  func callEnded(_ ending: CallEnding) {}
}

extension GRPCMethod {
  /// Tells when it has started, sleeps until it is cancelled, and tells that.
  static func sleeping(_ events: Events<String>) -> GRPCMethod {
    GRPCMethod("Sleep") { (_, _, _) in
      events.send("started")
      do {
        try await Task.sleep(for: .seconds(3_600))
      } catch {
        events.send("cancelled")
        throw error
      }
    }
  }
}
