// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import NIOConcurrencyHelpers
import NIOCore
import NetworkExtProc
import SwiftProtobuf
import Testing

@Suite("A network callout server and a peer that misbehaves", .timeLimit(.minutes(1)))
struct NetworkAdversaryTests {
  private static let path = "/envoy.service.network_ext_proc.v3.NetworkExternalProcessor/Process"

  /// Runs a server, and has another connection's stream answered before and after.
  private func withBystander(
    _ server: NetworkCalloutServer = HookedNetwork(), _ body: (CalloutClient) async throws -> Void
  ) async throws {
    try await withRunningServer(server) { running in
      let bystander = try await running.client().networkStream()
      #expect(try await bystander.reply(to: .readData("before")).text == "read 'before' unmodified")
      let client = try await running.client()
      try await body(client)
      // On the connection of the adversary, too.
      #expect(try await client.networkStream().reply(to: .readData("same")).text == "read 'same' unmodified")
      #expect(try await bystander.reply(to: .readData("after")).text == "read 'after' unmodified")
    }
  }

  @Test("garbage ends its stream with INVALID_ARGUMENT, and nothing else")
  func garbage() async throws {
    try await withBystander { client in
      let call = try await client.channel.call(Self.path)
      try await call.send(ByteBuffer(bytes: [0xff, 0xff, 0xff]))
      #expect(await call.ending.status.code == .invalidArgument)
    }
  }

  @Test("a message that is cut off ends its stream with INVALID_ARGUMENT")
  func truncated() async throws {
    try await withBystander { client in
      let call = try await client.channel.call(Self.path)
      let message = try NetworkRequestMessage.readData("hello").serializedBytes() as [UInt8]
      try await call.send(ByteBuffer(bytes: message.dropLast(2)))
      #expect(await call.ending.status.code == .invalidArgument)
    }
  }

  @Test("a message over the limit ends its stream with RESOURCE_EXHAUSTED")
  func oversized() async throws {
    try await withBystander { client in
      let call = try await client.channel.call(Self.path)
      try? await call.send(ByteBuffer(repeating: 0, count: 5 * 1_024 * 1_024))
      #expect(await call.ending.status.code == .resourceExhausted)
    }
  }

  @Test("a message without data is not answered")
  func empty() async throws {
    try await withBystander { client in
      let stream = try await client.networkStream()
      try await stream.send(NetworkRequestMessage())
      #expect(try await stream.reply(to: .readData("a")).text == "read 'a' unmodified")
    }
  }

  @Test("a peer that does not read is not read from: what waits for it stays within the windows, and none is lost")
  func slowReader() async throws {
    let count = 400
    let (received, enough) = (NIOLockedValueBox(0), Signal<Void>())
    let server = HookedNetwork(read: { data, _ in
      let number = received.withLockedValue {
        $0 += 1; return $0
      }
      // A window of the client's: what may wait to be sent beside it depends on what came in one turn.
      if number == 512 / 64 { enough.send(()) }
      return .continue
    })
    try await withBystander(server) { client in
      let stream = try await client.networkStream()
      let message = NetworkRequestMessage.readData(bytes: [UInt8](repeating: 7, count: 64 * 1_024))
      let sending = Task {
        for _ in 0..<count { try await stream.send(message) }
      }
      try await enough.next()
      for _ in 0..<20 { _ = try await client.networkStream().reply(to: .writeData("x")) }
      #expect(received.withLockedValue { $0 } <= (512 + 256) / 64 + 4)
      for _ in 0..<count { #expect(try await stream.next()?.readData == message.readData) }
      try await sending.value
    }
  }
}
