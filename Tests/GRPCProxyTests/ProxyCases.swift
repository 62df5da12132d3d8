// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOCore
import Testing

/// What a client of the proxy sees, with our client; proxy_peer.py has the same under the same names.
///
/// P1 to P8 are the tests of mwitkow/grpc-proxy, and the others what its users came upon.
struct ProxyCase: Sendable {
  let name: String
  let run: @Sendable (GRPCChannel) async throws -> Void

  init(_ name: String, run: @escaping @Sendable (GRPCChannel) async throws -> Void) {
    self.name = name
    self.run = run
  }

  static let all = [
    ProxyCase("p1_client_metadata") { channel async throws in
      for _ in 0..<50 {
        let call = try await channel.ask("PingEmpty", metadata: ["test-client-header": "true"])
        #expect(try await call.texts() == ["42 I like kittens."])
      }
    },
    ProxyCase("p2_headers_and_trailers") { channel async throws in
      let call = try await channel.ask("Ping", "foo", metadata: ["test-client-header": "true"])
      #expect(try await call.headers.strings("test-client-header") == ["true"])
      #expect(try await call.texts() == ["42 foo"])
      #expect(await call.ending.trailers == ["ping-trailer": "Arbitrary trailer text"])
    },
    ProxyCase("p3_application_error") { channel async throws in
      let ending = try await channel.ask("PingError").ending
      #expect(ending.status == GRPCStatus(.failedPrecondition, "Userspace error."))
    },
    ProxyCase("p4_director_error") { channel async throws in
      let ending = try await channel.ask("Ping", metadata: ["test-reject-rpc-if-in-context": "true"]).ending
      #expect(ending.status == GRPCStatus(.permissionDenied, "testing rejection"))
    },
    ProxyCase("p5_ping_pong") { channel async throws in
      for _ in 0..<50 {
        let call = try await channel.call(PingService.path("PingStream"))
        for number in 0..<20 {
          try await call.send(ByteBuffer(string: "foo"))
          #expect(try await call.next() == ByteBuffer(string: "\(number) foo"))
          if number == 0 { #expect(try await call.headers.strings("ping-header") == ["Arbitrary header text"]) }
        }
        call.halfClose()
        #expect(try await call.texts() == [])
        #expect(await call.ending.trailers.map(\.name) == ["ping-trailer"])
      }
    },
    ProxyCase("p6_bytes_unchanged") { channel async throws in
      let call = try await channel.call(PingService.path("Echo"))
      for bytes in [[0xDE, 0xAD, 0xBE, 0xEF], [0x55] as [UInt8]] {
        try await call.send(ByteBuffer(bytes: bytes))
        #expect(try await call.next() == ByteBuffer(bytes: bytes))
      }
      call.halfClose()
      #expect(try await call.next() == nil)
    },
    ProxyCase("p7_conformance") { channel async throws in try await conformance(of: channel, compressed: false) },
    ProxyCase("p8_conformance_compressed") { channel async throws in
      try await conformance(of: channel, compressed: true)
    },
    ProxyCase("headers_before_messages") { channel async throws in
      let call = try await channel.call(PingService.path("HeadersFirst"))
      #expect(try await call.headers["x-early"] == "yes")
      try await call.send(ByteBuffer(string: "now"))
      call.halfClose()
      #expect(try await call.texts() == ["now"])
    },
    ProxyCase("trailers_only") { channel async throws in
      let call = try await channel.ask("NotFound")
      let status = GRPCStatus(.notFound, "no such thing \u{263a}\n")
      await #expect(throws: status) { try await call.headers }
      #expect(await call.ending.status == status)
      #expect(await call.ending.trailers["x-trailer"] == "kept")
    },
    ProxyCase("rich_status") { channel async throws in
      // Our client does not show the details; ResponseHeadTests sees them pass.
      #expect(try await channel.ask("RichError").ending.status == GRPCStatus(.resourceExhausted, "rich"))
    },
    ProxyCase("metadata_in_order") { channel async throws in
      var metadata: Metadata = ["x-twice": "a"]
      try metadata.append("x-data-bin", .binary([0, 0xFF, 0xAB]))
      try metadata.append("x-twice", "b, c")
      try metadata.append("x-data-bin", .binary([]))
      let call = try await channel.ask("Metadata", metadata: metadata)
      #expect(Array(try await call.headers.filter { $0.name.hasPrefix("x-") }) == Array(metadata))
      #expect(Array(await call.ending.trailers.filter { $0.name.hasPrefix("x-") }) == Array(metadata))
    },
    ProxyCase("client_ends_first") { channel async throws in
      let call = try await channel.call(PingService.path("Collect"))
      for size in [27_182, 8, 0, 45_904] { try await call.send(ByteBuffer(repeating: 0, count: size)) }
      call.halfClose()
      #expect(try await call.texts() == ["73094"])
    },
    ProxyCase("server_ends_first") { channel async throws in
      let call = try await channel.call(PingService.path("Finish"))
      try await call.send(ByteBuffer(string: "x"))
      #expect(try await call.texts() == ["done"])
      #expect(await call.ending.status == .ok)
    },
    ProxyCase("cancel") { channel async throws in
      let call = try await channel.call(PingService.path("Sleep"))
      #expect(try await call.headers["x-early"] == "yes")
      call.cancel()
      #expect(await call.ending.status.code == .cancelled)
      #expect(try await channel.ask("WaitForSleeper").texts() == ["ended"])
    },
    ProxyCase("deadline") { channel async throws in
      let call = try await channel.call(PingService.path("Sleep"), timeout: .seconds(4))
      #expect(await call.ending.status.code == .deadlineExceeded)
      #expect(try await channel.ask("WaitForSleeper").texts() == ["ended"])
    },
    ProxyCase("large_and_empty_messages") { channel async throws in
      let call = try await channel.call(PingService.path("Echo"))
      for size in [6 * 1_024 * 1_024, 0, 1] {
        let message = ByteBuffer(repeating: 7, count: size)
        async let sent: Void = call.send(message)
        #expect(try await call.next() == message)
        try await sent
      }
      call.halfClose()
      #expect(try await call.next() == nil)
    },
    ProxyCase("compressed_both_ways") { channel async throws in
      let text = String(repeating: "again and again ", count: 10_000)
      #expect(try await channel.ask("Compressed", text, compressed: true).texts() == [text])
    },
    ProxyCase("unknown_method") { channel async throws in
      #expect(try await channel.ask("None").ending.status.code == .unimplemented)
    },
  ]

  /// Calls of every shape, one after the other.
  private static func conformance(of channel: GRPCChannel, compressed: Bool) async throws {
    let text = String(repeating: "foo ", count: 500)
    let unary = try await channel.ask(
      "Ping", text, metadata: ["test-client-header": "I like turtles."], compressed: compressed)
    #expect(try await unary.headers.strings("test-client-header") == ["I like turtles."])
    #expect(try await unary.texts() == ["42 \(text)"])
    #expect(try await channel.ask("PingError", compressed: compressed).ending.status.code == .failedPrecondition)

    let list = try await channel.ask("PingList", "foo", compressed: compressed)
    #expect(try await list.texts() == (0..<10).map { "\($0) foo" })
    let stream = try await channel.call(PingService.path("PingStream"), compressed: compressed)
    for number in 0..<25 {
      try await stream.send(ByteBuffer(string: text))
      #expect(try await stream.next() == ByteBuffer(string: "\(number) \(text)"))
    }
    stream.halfClose()
    #expect(try await stream.texts() == [])
    for call in [list, stream] {
      #expect(try await call.headers.strings("ping-header") == ["Arbitrary header text"])
      #expect(await call.ending.trailers.strings("ping-trailer") == ["Arbitrary trailer text"])
    }
  }
}
