// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import Foundation
import NIOCore
import NIOPosix
import Testing

@Suite("listener", .timeLimit(.minutes(1)))
struct ListenerTests {
  @Test("port 0 is bound to a port that the kernel chose")
  func portZero() async throws {
    let server = try await EchoServer()
    #expect((server.listener.address?.port ?? 0) > 0)
    #expect(try await server.connect().echo("hello") == "hello")
    try await server.listener.close()
  }

  @Test("IPv6 is served")
  func ipv6() async throws {
    let server = try await EchoServer(to: SocketAddress(ipAddress: "::1", port: 0))
    #expect(server.listener.address?.ipAddress == "::1")
    #expect(try await server.connect().echo("hello") == "hello")
    try await server.listener.close()
  }

  @Test("a port that is taken is an error")
  func takenPort() async throws {
    let server = try await EchoServer()
    let address = try #require(server.listener.address)
    let error = await #expect(throws: IOError.self) { try await EchoServer(to: address) }
    #expect(error?.errnoCode == EADDRINUSE)
    try await server.listener.close()
  }

  @Test("a listener that is closed takes no new connections, and those it has go on")
  func closedListener() async throws {
    // A path, since another test may be given the port that this one lets go.
    try await withTemporaryDirectory { directory in
      let address = try SocketAddress(unixDomainSocketPath: directory.appendingPathComponent("s").path)
      let server = try await EchoServer(to: address)
      let client = try await EchoClient(to: address)
      #expect(await client.echo("before") == "before")
      try await server.listener.close()
      #expect(await client.echo("after") == "after")
      await #expect(throws: (any Error).self) { try await EchoClient(to: address) }
    }
  }

  @Test("a connection over the limit is closed, and there is room again when another ends")
  func connectionLimit() async throws {
    var limits = Listener.Limits()
    limits.maxConnections = 2
    let server = try await EchoServer(limits: limits)
    let first = try await server.connect()
    let second = try await server.connect()
    #expect(await first.echo("1") == "1")
    #expect(await second.echo("2") == "2")

    let surplus = try await server.connect()
    try await surplus.closed()
    #expect(await first.echo("1 again") == "1 again")
    #expect(await second.echo("2 again") == "2 again")

    try await first.close()
    // The server learns of the end in its own time, so the first try may still come too early.
    var answer: String?
    while answer == nil {
      try Task.checkCancellation()
      answer = try await server.connect().echo("3")
    }
    #expect(answer == "3")
    try await server.listener.close()
  }

  @Test("TLS is spoken where there is a context, and each connection asks for it anew")
  func tls() async throws {
    let identity = try TLSIdentity.selfSigned()
    let renewed = try TLSIdentity.selfSigned()
    let current = Renewable(try TLSContext(serverIdentity: identity, protocols: ["h2"]))
    let server = try await EchoServer(tls: { current.context })
    let client = try await server.connect(.trusting(identity))
    #expect(await client.echo("hello") == "hello")

    current.context = try TLSContext(serverIdentity: renewed, protocols: ["h2"])
    #expect(try await server.connect(.trusting(renewed)).echo("renewed") == "renewed")
    #expect(try await server.connect(.trusting(identity)).echo("old") == nil)
    #expect(await client.echo("still there") == "still there")
    try await server.listener.close()
  }

  @Test("half a TLS handshake and silence is closed at the timeout, while others go on")
  func stalledHandshake() async throws {
    let identity = try TLSIdentity.selfSigned()
    let context = try TLSContext(serverIdentity: identity, protocols: ["h2"])
    var limits = Listener.Limits()
    limits.handshakeTimeout = .seconds(1)
    let server = try await EchoServer(tls: { context }, limits: limits)
    let good = try await server.connect(.trusting(identity))
    #expect(await good.echo("before") == "before")

    let silent = try await server.connect()
    let stalled = try await server.connect()
    stalled.send(try halfClientHello(identity))
    let wrong = try await server.connect()
    wrong.send(ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
    try await wrong.closed()
    #expect(await good.echo("during") == "during")
    try await silent.closed()
    try await stalled.closed()
    #expect(await good.echo("after") == "after")
    try await server.listener.close()
  }

  @Test("handshakes over the limit are closed, and there is room again when one ends, however it does")
  func handshakeLimit() async throws {
    let identity = try TLSIdentity.selfSigned()
    let context = try TLSContext(serverIdentity: identity, protocols: ["h2"])
    var limits = Listener.Limits()
    limits.maxHandshakes = 1
    limits.handshakeTimeout = .seconds(30)
    let server = try await EchoServer(tls: { context }, limits: limits)
    let stalled = try await server.connect()
    stalled.send(try halfClientHello(identity))
    try await server.connect().closed()

    try await stalled.close()
    var established: EchoClient?
    while established == nil {
      let client = try await server.connect(.trusting(identity))
      if await client.echo("x") == "x" { established = client }
    }
    // An established connection holds no place among the handshakes, and a failed one neither.
    for _ in 0..<3 { #expect(try await server.connect(.trusting(.selfSigned())).echo("x") == nil) }
    var answer: String?
    while answer == nil { answer = try await server.connect(.trusting(identity)).echo("y") }
    #expect(await established?.echo("z") == "z")
    try await server.listener.close()
  }

  @Test("a Unix-domain socket is served, and a stale file in its place replaced")
  func unixSocket() async throws {
    try await withTemporaryDirectory { directory in
      let path = directory.appendingPathComponent("s").path
      let address = try SocketAddress(unixDomainSocketPath: path)
      try leaveStaleSocket(at: path)
      await #expect(throws: (any Error).self) { try await EchoClient(to: address) }
      for round in 1...2 {
        let server = try await EchoServer(to: address)
        #expect(server.listener.address?.pathname == path)
        #expect(try await EchoClient(to: address).echo("round \(round)") == "round \(round)")
        try await server.listener.close()
      }
    }
  }

  @Test("a file that is no socket is left alone")
  func otherFile() async throws {
    try await withTemporaryDirectory { directory in
      let file = directory.appendingPathComponent("s")
      try Data("precious".utf8).write(to: file)
      await #expect(throws: (any Error).self) {
        try await EchoServer(to: SocketAddress(unixDomainSocketPath: file.path))
      }
      #expect(try Data(contentsOf: file) == Data("precious".utf8))
    }
  }

  private final class Renewable: @unchecked Sendable {
    // Unchecked: locked.
    private let lock = NSLock()
    private var stored: TLSContext

    init(_ context: TLSContext) { stored = context }

    var context: TLSContext {
      get { lock.withLock { stored } }
      set { lock.withLock { stored = newValue } }
    }
  }

  private func halfClientHello(_ identity: TLSIdentity) throws -> ByteBuffer {
    let session = TLSSession(try .trusting(identity), role: .client(serverName: "localhost"))
    try session.handshake()
    var hello = session.takeCiphertext()
    return hello.readSlice(length: hello.readableBytes / 2)!
  }

  private func withTemporaryDirectory(_ body: (URL) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("callouts-\(UInt32.random(in: 0 ... .max))")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try await body(directory)
  }

  /// What a process that was killed leaves: a socket's file that nobody listens on.
  private func leaveStaleSocket(at path: String) throws {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(result == 0)
  }
}
