// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import Logging
import NIOCore
import Testing

@testable import GRPCProxy

@Suite("Backends that are known by name", .timeLimit(.minutes(1)))
struct BackendNamesTests {
  private static let name = Backend(GRPCTarget(.host("backends.test", port: 1)))

  private static func pool(
    _ answers: NameAnswers, _ backends: [Backend] = [name], logger: Logger = Logger(label: "test")
  )
    throws -> BackendPool
  {
    var set = BackendSet("set", backends)
    set.resolutionInterval = .milliseconds(5)
    return try BackendPool(set, logger: logger, resolver: answers.resolver)
  }

  @Test("each address of a name is a backend")
  func balanced() async throws {
    try await withBackends("a", "b", "c") { backends in
      let answers = NameAnswers([])
      try await ProxyClient.run(Self.pool(answers)) { client in
        await answers.change(to: backends.map(\.address))
        let names = try await client.who(times: 9)
        #expect(Set(names[..<3]) == ["a", "b", "c"])
        #expect(names == Array([names[..<3], names[..<3], names[..<3]].joined()))
        // In whatever order they are found.
        await answers.change(to: backends.map(\.address).reversed())
        #expect(try await client.who(times: 3) == Array(names[..<3]))
        #expect(backends.map(\.connectionCount) == [1, 1, 1])
      }
    }
  }

  @Test("changed addresses are followed; calls at old ones go on, and then their connections close")
  func changed() async throws {
    try await withBackends("a", "b", "c") { backends in
      let answers = NameAnswers(backends[..<2].map(\.address))
      try await ProxyClient.run(Self.pool(answers)) { client in
        await answers.change(to: [backends[0].address])
        let held = try await client.hold()
        #expect(held.backend == "a")

        await answers.change(to: [backends[2].address])
        #expect(try await client.who(times: 4) == ["c", "c", "c", "c"])
        #expect(try await held.again() == "a")
        try await held.release()
        try await backends[0].connectionsClosed()
        #expect(try await client.who() == "c")
      }
    }
  }

  @Test("an address that stays keeps its connections")
  func kept() async throws {
    try await withBackends("a", "b") { backends in
      let answers = NameAnswers([backends[0].address])
      try await ProxyClient.run(Self.pool(answers)) { (client) async throws in
        await answers.change(to: [backends[0].address])
        #expect(try await client.who() == "a")
        await answers.change(to: backends.map(\.address))
        #expect(try await Set(client.who(times: 4)) == ["a", "b"])
        #expect(backends.map(\.connectionCount) == [1, 1])
      }
    }
  }

  @Test("a name that cannot be looked up keeps the addresses that it had, and a log line says so")
  func failure() async throws {
    let log = LogLines()
    try await withBackends("a") { backends in
      let answers = NameAnswers([backends[0].address])
      try await ProxyClient.run(Self.pool(answers, logger: log.logger)) { (client) async throws in
        #expect(try await client.who() == "a")
        await answers.change(to: nil)
        #expect(
          await log.next()
            == "warning a backend's name cannot be looked up backend=backends.test:1 reason=nobody knows it")
        #expect(try await client.who() == "a")
      }
    }
  }

  @Test("while nothing is known of a name, its calls look it up for themselves")
  func unknown() async throws {
    let log = LogLines()
    try await withBackends("a") { backends in
      // The pool's look-up finds nothing, and the call's does.
      let answers = NameAnswers(nil, [backends[0].address])
      let pool = try BackendPool(BackendSet("set", [Self.name]), logger: log.logger, resolver: answers.resolver)
      try await ProxyClient.run(pool) { (client) async throws in
        #expect(await log.next()?.hasPrefix("warning a backend's name cannot be looked up") == true)
        #expect(try await client.who(times: 2) == ["a", "a"])
      }
    }
  }

  @Test("backends that are given more than once, by name or by address, stay as many", arguments: [true, false])
  func repeated(isKnown: Bool) async throws {
    try await withBackends("a", "b") { backends in
      let answers = NameAnswers([])
      let pool = try Self.pool(answers, [Self.name, Self.name, backends[1].backend, backends[1].backend])
      try await ProxyClient.run(pool) { (client) async throws in
        await answers.change(to: [backends[0].address])
        for _ in 0..<5 { await answers.change(to: isKnown ? [backends[0].address] : nil) }
        #expect(pool.currentMembers.count == 4)
        #expect(try await client.who(times: 4) == ["a", "a", "b", "b"])
      }
    }
  }

  @Test("the certificate of an address is looked at for the name")
  func certificate() async throws {
    let identity = try TLSIdentity.selfSigned(names: "DNS:backends.test")
    let backend = try await LocalServer.start([GRPCService("test.Service", methods: [.echo])], tls: identity)
    let answers = NameAnswers([backend.address])
    let named = Backend(Self.name.target, tls: .init(trustRoots: identity.certificateChain))
    try await ProxyClient.run(Self.pool(answers, [named])) { client in
      await answers.change(to: [backend.address])
      let call = try await client.channel.call("/test.Service/Echo")
      try await call.send(ByteBuffer(string: "x"))
      #expect(try await call.next() == ByteBuffer(string: "x"))
      call.cancel()
    }
    await backend.stop()
  }
}
