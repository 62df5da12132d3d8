// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import ExtProcTesting
import NIOCore
import Testing

@Suite(
  "our client and gRPC's Python server", .enabled(if: Tool.python != nil, "\(Tool.pythonHint)"), .timeLimit(.minutes(3))
)
struct PythonServerTests {
  @Test("messages arrive in every shape of call", arguments: Wire.allCases)
  func shapes(wire: Wire) async throws {
    try await run(wire) { channel async throws in
      for text in ["", "x", String(repeating: "long ", count: 100_000)] {
        #expect(try await channel.ask("Echo", text) == [text])
      }
      #expect(try await channel.ask("Count", "1000") == (0..<1_000).map(String.init))

      let collect = try await channel.call("/interop.Test/Collect")
      for size in [27_182, 8, 1_828, 45_904] { try await collect.send(ByteBuffer(repeating: 0, count: size)) }
      collect.halfClose()
      #expect(try await collect.texts() == ["74922"])

      let pingPong = try await channel.call("/interop.Test/Echo")
      for number in 0..<100 {
        try await pingPong.send(ByteBuffer(string: "\(number)"))
        #expect(try await pingPong.next() == ByteBuffer(string: "\(number)"))
      }
      pingPong.halfClose()
      #expect(try await pingPong.texts() == [])
      #expect(await pingPong.ending.status == .ok)

      let empty = try await channel.call("/interop.Test/Echo")
      empty.halfClose()
      #expect(try await empty.texts() == [])
    }
  }

  @Test("large messages, many at a time")
  func large() async throws {
    try await run(.tls) { channel async throws in
      try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<50 {
          group.addTask {
            let call = try await channel.call("/interop.Test/Large")
            try await call.send(ByteBuffer(repeating: 0, count: 271_828))
            call.halfClose()
            return try await call.next()?.readableBytes ?? 0
          }
        }
        for try await size in group { #expect(size == 314_159) }
      }
    }
  }

  @Test("status codes and messages come as they were sent")
  func status() async throws {
    let special = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
    try await run(.plaintext) { channel async throws in
      for code in 1...16 {
        let status = GRPCStatus(.init(rawValue: code), "because")
        await #expect(throws: status) { try await channel.ask("Fail", "\(code) because") }
      }
      await #expect(throws: GRPCStatus(.unknown, special)) { try await channel.ask("Fail", "2 \(special)") }
      let unknown = await #expect(throws: GRPCStatus.self) { try await channel.ask("None") }
      #expect(unknown?.code == .unimplemented)
    }
  }

  @Test("metadata comes back in headers and trailers, in order, bytes and duplicates included")
  func metadata() async throws {
    var metadata: Metadata = ["x-twice": "a"]
    try metadata.append("x-data-bin", .binary([0, 0xFF, 0xAB]))
    try metadata.append("x-twice", "b, c")
    try await run(.plaintext) { [metadata] channel in
      let call = try await channel.call("/interop.Test/Metadata", metadata: metadata)
      try await call.send(ByteBuffer())
      call.halfClose()
      let headers = try await call.headers
      #expect(headers["x-first"] == "1")
      #expect(headers.strings("x-twice") == ["a", "b, c"])
      #expect(headers.binaries("x-data-bin") == [[0, 0xFF, 0xAB]])
      #expect(try await call.texts() == ["done"])
      let trailers = await call.ending.trailers
      #expect(trailers.strings("x-twice") == ["a", "b, c"])
      #expect(trailers["x-last"] == "2")
    }
  }

  @Test("compressed messages are understood both ways")
  func compression() async throws {
    let text = String(repeating: "again and again ", count: 10_000)
    try await run(.plaintext) { channel async throws in
      #expect(try await channel.ask("Echo", text, compressed: true) == [text])
      #expect(try await channel.ask("Compressed", text) == [text])
    }
  }

  @Test("a deadline, and a call given up, end at both sides")
  func endings() async throws {
    try await run(.plaintext) { channel async throws in
      let late = try await channel.call("/interop.Test/Sleep", timeout: .seconds(3))
      try await late.send(ByteBuffer())
      late.halfClose()
      #expect(await late.ending.status.code == .deadlineExceeded)
      #expect(try await channel.ask("WaitForSleeper") == ["ended"])

      let cancelled = try await channel.call("/interop.Test/Echo")
      try await cancelled.send(ByteBuffer(string: "x"))
      #expect(try await cancelled.next() == ByteBuffer(string: "x"))
      cancelled.cancel()
      #expect(await cancelled.ending.status.code == .cancelled)
    }
  }

  private func run(_ wire: Wire, _ body: (GRPCChannel) async throws -> Void) async throws {
    let python = try #require(Tool.python)
    try await withTemporaryDirectory { directory in
      let address = try wire.address(in: directory)
      var arguments = [Tool.script, "server", address.pathname.map { "unix:\($0)" } ?? "127.0.0.1:0"]
      var configuration = GRPCChannel.Configuration()
      if wire == .tls {
        let identity = try TLSIdentity.selfSigned()
        let files = try identity.write(to: directory)
        arguments += [files.certificate, files.key]
        configuration.tls = .init(trustRoots: identity.certificateChain, serverName: "localhost")
      }
      let process = try ChildProcess(python, arguments)
      do {
        let port = try await process.waitForOutput { output in
          output.firstMatch(of: /serving on (\d+)\n/).flatMap { Int($0.1) }
        }
        let target = address.pathname == nil ? try SocketAddress(ipAddress: "127.0.0.1", port: port) : address
        let channel = try await GRPCChannel.connect(to: target, configuration: configuration)
        try await body(channel)
        await channel.close()
      } catch {
        await process.end()
        throw error
      }
      await process.end()
    }
  }
}

extension GRPCChannel {
  /// Makes a call with one message, and returns all that come back.
  fileprivate func ask(_ method: String, _ text: String = "", compressed: Bool = false) async throws -> [String] {
    let call = try await call("/interop.Test/\(method)", compressed: compressed)
    try await call.send(ByteBuffer(string: text))
    call.halfClose()
    return try await call.texts()
  }
}

extension GRPCCall {
  fileprivate func texts() async throws -> [String] {
    var texts: [String] = []
    while let message = try await next() { texts.append(String(buffer: message)) }
    return texts
  }
}
