// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import NIOCore
import NIOPosix

/// A connection whose bytes a test reads and writes as it likes.
struct RawConnection {
  fileprivate let inbound: NIOAsyncChannelInboundStream<ByteBuffer>
  private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>

  fileprivate init(
    _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
  ) {
    self.inbound = inbound
    self.outbound = outbound
  }

  func write(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }

  /// Reads up to and with some text; ends early where the peer closes.
  func read(to end: String, _ iterator: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator) async throws
    -> String
  {
    var text = ""
    while !text.contains(end), let bytes = try await iterator.next(isolation: #isolation) {
      text += String(buffer: bytes)
    }
    return text
  }
}

/// Connects to a server.
func withRawConnection(
  to address: ListenAddress,
  _ body: (RawConnection, inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator) async throws -> Void
) async throws {
  let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .connect(to: address.resolve()) { channel in
      channel.eventLoop.makeCompletedFuture {
        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
      }
    }
  try await channel.executeThenClose { inbound, outbound in
    var iterator = inbound.makeAsyncIterator()
    try await body(RawConnection(inbound, outbound), &iterator)
  }
}

/// Runs an upstream that serves one connection, while `body` runs.
func withRawUpstream(
  _ serve:
    @escaping @Sendable (
      RawConnection, inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    ) async throws -> Void,
  _ body: (ListenAddress) async throws -> Void
) async throws {
  let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .bind(host: "127.0.0.1", port: 0) { channel in
      channel.eventLoop.makeCompletedFuture {
        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
      }
    }
  let address = ListenAddress.ip("127.0.0.1", UInt16(server.channel.localAddress?.port ?? 0))
  try await server.executeThenClose { connections in
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for try await connection in connections {
          try await connection.executeThenClose { inbound, outbound in
            var iterator = inbound.makeAsyncIterator()
            try await serve(RawConnection(inbound, outbound), &iterator)
          }
          return
        }
      }
      try await body(address)
      group.cancelAll()
    }
  }
}
