// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Logging
import NIOCore
import Testing

@testable import NetworkBasic

@Suite(
  "Much through Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(5)))
struct NetworkVolumeTests {
  private static let length = 100 * 1_024 * 1_024
  private static let pieceLength = 100_000

  @Test("100 MB pass through NetworkBasic to the upstream and, at the same time, back, byte for byte")
  func bothWays() async throws {
    try await withNetworkProxy(NetworkBasic()) { proxy in
      let connection = try await proxy.connect()
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
          for piece in Self.pieces { try await connection.send(piece) }
        }
        tasks.addTask {
          for piece in Self.pieces {
            let received = try await connection.receive(piece.readableBytes)
            try #require(received == piece)
          }
          // Not before: Envoy loses the last bytes of an upstream that ends with them after the client has.
          try await connection.finish()
          #expect(try await connection.receiveAll() == "")
        }
        try await tasks.waitForAll()
      }
      #expect(proxy.log.entries(atLeast: .warning).isEmpty)
    }
  }

  /// Bytes that are the same nowhere near, as pieces.
  private static var pieces: some Sequence<ByteBuffer> {
    (0..<(length / pieceLength)).lazy.map { number in
      var piece = ByteBuffer()
      piece.writeWithUnsafeMutableBytes(minimumWritableBytes: pieceLength) { bytes in
        var state = UInt64(number) &* 0x9E37_79B9_7F4A_7C15
        for offset in stride(from: 0, to: pieceLength, by: 8) {
          state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          bytes.storeBytes(of: state, toByteOffset: offset, as: UInt64.self)
        }
        return pieceLength
      }
      return piece
    }
  }
}
