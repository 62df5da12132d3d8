// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOCore
import Synchronization
import Testing

@Suite("Servers that are known by name", .timeLimit(.minutes(1)))
struct NameResolutionTests {
  /// Nobody can listen there.
  private static let refusing = try? SocketAddress(unixDomainSocketPath: "/nonexistent/callouts.sock")

  @Test("the name is looked up for each connection, whose server may be another one by then")
  func changingAddresses() async throws {
    try await FrameServer.run { first in
      try await FrameServer.run { second in
        let asked = Mutex<[String]>([])
        let addresses = [first.address, second.address]
        let resolver = NameResolver { host, port in
          asked.withLock {
            $0.append("\(host) \(port)")
            return [addresses[($0.count - 1) % 2]]
          }
        }
        let channel = try await first.channel(resolver: resolver)
        for server in [first, second, first] {
          async let answer = channel.ask()
          let connection = try await server.greet()
          connection.answer(try await connection.wholeRequest().stream, "x")
          #expect(try await answer == "x")
          await connection.hangUp()
        }
        #expect(asked.withLock { $0 } == Array(repeating: "test.invalid 1", count: 3))
        await channel.close()
      }
    }
  }

  @Test("an address that refuses is passed over for the next, and the last one's reason is told")
  func refusingAddress() async throws {
    try await TestServer.run { server in
      let refusing = try #require(Self.refusing)
      for addresses in [[refusing, refusing, server.address], [server.address, refusing]] {
        let channel = try await Self.channel(NameResolver { _, _ in addresses })
        #expect(try await channel.ask() == "x")
        await channel.close()
      }
      let channel = try await Self.channel(NameResolver { _, _ in [refusing] })
      let failure = await #expect(throws: GRPCStatus.self) { try await channel.ask() }
      #expect(failure?.code == .unavailable)
      #expect(failure?.message.hasPrefix("cannot connect to test.invalid:1: ") == true)
      await channel.close()
    }
  }

  @Test("a server that takes the connection and says nothing is passed over at its time")
  func silentAddress() async throws {
    try await FrameServer.run { silent in
      try await TestServer.run { server in
        let addresses = [silent.address, server.address]
        let channel = try await Self.channel(NameResolver { _, _ in addresses }) {
          $0.connectTimeout = .milliseconds(500)
          $0.initialBackoff = .zero
        }
        // The other one has no more time than this, which may be too short on a machine that has much to do.
        var answer: String?
        while answer == nil, !Task.isCancelled { answer = try? await channel.ask() }
        #expect(answer == "x")
        await channel.close()
      }
    }
  }

  @Test("a name without an address fails with the name")
  func noAddress() async throws {
    let channel = try await Self.channel(NameResolver { _, _ in [] })
    let failure = await #expect(throws: GRPCStatus.self) { try await channel.ask() }
    #expect(
      failure
        == GRPCStatus(.unavailable, "cannot connect to test.invalid:1: the name 'test.invalid' has no address"))
    await channel.close()
  }

  @Test("the system knows localhost, and says why it does not know a name that cannot be")
  func system() async throws {
    try await TestServer.run { server in
      let port = try #require(server.address.port)
      let channel = try await GRPCChannel.connect(to: #require(GRPCTarget("localhost:\(port)")))
      #expect(try await channel.ask() == "x")
      await channel.close()
    }
    // Longer than a label may be, so that no server is asked.
    let name = String(repeating: "x", count: 64) + ".invalid"
    let failure = await #expect(throws: GRPCStatus.self) {
      try await GRPCChannel.connect(to: #require(GRPCTarget("\(name):1")))
    }
    #expect(failure?.message.hasPrefix("cannot connect to \(name):1: the name '\(name)' cannot be looked up: ") == true)
  }

  private static func channel(
    _ resolver: NameResolver, _ configure: (inout GRPCChannel.ConnectionConfiguration) -> Void = { _ in }
  ) async throws -> GRPCChannel {
    var configuration = GRPCChannel.Configuration()
    configure(&configuration.connection)
    return try await GRPCChannel(GRPCTarget(.host("test.invalid", port: 1)), configuration, resolver: resolver)
  }
}
