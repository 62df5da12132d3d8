// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import XDS

@Suite("How a connection begins") struct ProtocolChoiceTests {
  private func connection() throws -> EmbeddedChannel {
    let server = XDSServer(SnapshotCache(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let channel = EmbeddedChannel(
      handler: DiscoveryProtocolHandler(
        server, grpc: GRPCServer(services: server.services, logger: server.service.logger)))
    try channel.connect(to: SocketAddress(unixDomainSocketPath: "embedded")).wait()
    return channel
  }

  private func isREST(_ channel: EmbeddedChannel) -> Bool {
    (try? channel.pipeline.syncOperations.handler(type: RESTHandler.self)) != nil
  }

  private func isUndecided(_ channel: EmbeddedChannel) -> Bool {
    (try? channel.pipeline.syncOperations.handler(type: DiscoveryProtocolHandler.self)) != nil
  }

  @Test("one that sends nothing, or only a part of the preface, is closed", arguments: ["", "PRI * HTT"])
  func silent(beginning: String) throws {
    let channel = try connection()
    try channel.writeInbound(ByteBuffer(string: beginning))
    channel.embeddedEventLoop.advanceTime(by: .seconds(9))
    #expect(channel.isActive && isUndecided(channel))
    channel.embeddedEventLoop.advanceTime(by: .seconds(2))
    #expect(!channel.isActive)
  }

  @Test("HTTP/2's preface is gRPC, however it is cut", arguments: [1, 5, 13, 14, 24])
  func preface(cut: Int) throws {
    let channel = try connection()
    let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]
    try channel.writeInbound(ByteBuffer(bytes: preface[..<cut]))
    try channel.writeInbound(ByteBuffer(bytes: preface[cut...]))
    #expect(!isREST(channel) && !isUndecided(channel) && channel.isActive)
    // The server's own SETTINGS.
    #expect(try channel.readOutbound(as: ByteBuffer.self)?.getInteger(at: 3, as: UInt8.self) == 4)
    _ = try? channel.finish(acceptAlreadyClosed: true)
  }

  @Test("anything else is REST, and a client that asks no more is closed", arguments: ["GET / HTTP/1.1\r\n", "PUT"])
  func rest(beginning: String) throws {
    let channel = try connection()
    try channel.writeInbound(ByteBuffer(string: beginning))
    #expect(isREST(channel) && !isUndecided(channel))
    // It tells the time by another clock than the channel's.
    _ = try channel.pipeline.syncOperations.handler(type: IdleStateHandler.self)
    channel.pipeline.fireUserInboundEventTriggered(IdleStateHandler.IdleStateEvent.all)
    #expect(!channel.isActive)
  }
}
