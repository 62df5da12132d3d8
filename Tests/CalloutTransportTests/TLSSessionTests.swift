// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import Testing

@Suite("TLS session")
struct TLSSessionTests {
  private let identity: TLSIdentity

  init() throws { identity = try .selfSigned() }

  @Test("a handshake ends with both sides established and HTTP/2 chosen")
  func handshake() throws {
    let pair = try TLSPair(identity: identity)
    #expect(!pair.client.isEstablished && !pair.server.isEstablished)
    let failures = pair.handshake()
    #expect(failures.client == nil && failures.server == nil)
    #expect(pair.client.isEstablished && pair.server.isEstablished)
    #expect(pair.client.applicationProtocol == "h2")
    #expect(pair.server.applicationProtocol == "h2")
  }

  @Test("HTTP/2 is chosen out of what Istio's proxies offer")
  func istio() throws {
    let pair = try TLSPair(identity: identity, clientProtocols: ["istio-peer-exchange", "istio", "h2"])
    _ = pair.handshake()
    #expect(pair.server.applicationProtocol == "h2")
    #expect(pair.client.applicationProtocol == "h2")
  }

  @Test("a client that offers only other protocols is refused")
  func protocolMismatch() throws {
    let pair = try TLSPair(identity: identity, clientProtocols: ["http/1.1", "h3"])
    let failures = pair.handshake()
    #expect(failures.server?.code == .handshakeFailed)
    #expect(failures.client?.code == .handshakeFailed)
    #expect(!pair.server.isEstablished && !pair.client.isEstablished)
  }

  @Test("a client that offers no protocol is taken as it is")
  func noProtocol() throws {
    let pair = try TLSPair(identity: identity, clientProtocols: [])
    _ = pair.handshake()
    #expect(pair.server.isEstablished)
    #expect(pair.server.applicationProtocol == nil)
    #expect(pair.client.applicationProtocol == nil)
  }

  @Test("a handshake goes on wherever its bytes are split")
  func splitHandshake() throws {
    let pair = try TLSPair(identity: identity)
    for _ in 0..<4 {
      for (from, to) in [(pair.client, pair.server), (pair.server, pair.client)] {
        if !from.isEstablished { try from.handshake() }
        var bytes = from.takeCiphertext()
        while let byte = bytes.readSlice(length: 1) {
          to.receive(byte)
          if !to.isEstablished { try to.handshake() }
        }
      }
    }
    #expect(pair.client.isEstablished && pair.server.isEstablished)
  }

  @Test("a megabyte arrives whole, both ways")
  func largeData() throws {
    let pair = try TLSPair(identity: identity)
    _ = pair.handshake()
    let data = ByteBuffer(bytes: (0..<1_048_576).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
    for (from, to) in [(pair.client, pair.server), (pair.server, pair.client)] {
      try from.write(data)
      pair.move(from: from, to: to)
      var received = ByteBuffer()
      #expect(try to.read(into: &received))
      #expect(received == data)
    }
  }

  @Test("data arrives whole wherever its ciphertext is split")
  func splitData() throws {
    let pair = try TLSPair(identity: identity)
    _ = pair.handshake()
    try pair.client.write(ByteBuffer(string: "in small pieces"))
    var ciphertext = pair.client.takeCiphertext()
    var received = ByteBuffer()
    while let byte = ciphertext.readSlice(length: 1) {
      pair.server.receive(byte)
      #expect(try pair.server.read(into: &received))
    }
    #expect(received == ByteBuffer(string: "in small pieces"))
  }

  @Test("what follows the handshake in the same bytes is read after it")
  func dataWithFinished() throws {
    let pair = try TLSPair(identity: identity)
    try pair.client.handshake()
    pair.move(from: pair.client, to: pair.server)
    try pair.server.handshake()
    pair.move(from: pair.server, to: pair.client)
    try pair.client.handshake()
    try pair.client.write(ByteBuffer(string: "early"))
    pair.move(from: pair.client, to: pair.server)
    try pair.server.handshake()
    #expect(pair.server.isEstablished)
    var received = ByteBuffer()
    #expect(try pair.server.read(into: &received))
    #expect(received == ByteBuffer(string: "early"))
  }

  @Test("close_notify is seen as the end of the other side, after the data before it")
  func closeNotify() throws {
    let pair = try TLSPair(identity: identity)
    _ = pair.handshake()
    try pair.server.write(ByteBuffer(string: "last words"))
    pair.server.close()
    pair.move(from: pair.server, to: pair.client)
    var received = ByteBuffer()
    #expect(try !pair.client.read(into: &received))
    #expect(received == ByteBuffer(string: "last words"))
  }

  @Test("closing before the handshake sends nothing")
  func closeEarly() throws {
    let pair = try TLSPair(identity: identity)
    pair.server.close()
    #expect(pair.server.takeCiphertext().readableBytes == 0)
  }

  @Test("ciphertext that was tampered with is an error")
  func tampered() throws {
    let pair = try TLSPair(identity: identity)
    _ = pair.handshake()
    try pair.client.write(ByteBuffer(string: "secret"))
    var ciphertext = pair.client.takeCiphertext()
    let last = ciphertext.writerIndex - 1
    ciphertext.setInteger(ciphertext.getInteger(at: last, as: UInt8.self)! ^ 1, at: last)
    pair.server.receive(ciphertext)
    var received = ByteBuffer()
    let error = #expect(throws: TLSError.self) { try pair.server.read(into: &received) }
    #expect(error?.code == .connectionFailed)
  }

  @Test(
    "bytes that are no TLS fail the handshake",
    arguments: ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"])
  func plaintext(text: String) throws {
    let server = TLSSession(try TLSContext(serverIdentity: identity, protocols: ["h2"]), role: .server)
    server.receive(ByteBuffer(string: text))
    let error = #expect(throws: TLSError.self) { try server.handshake() }
    #expect(error?.code == .handshakeFailed)
  }

  @Test(
    "a self-signed certificate is trusted by its own PEM, under each of its names",
    arguments: ["localhost", "127.0.0.1", "::1"])
  func selfSigned(name: String) throws {
    let pair = try TLSPair(identity: identity, serverName: name)
    let failures = pair.handshake()
    #expect(failures.client == nil)
    #expect(pair.server.isEstablished)
  }

  @Test("a server under another name is refused", arguments: ["example.test", "127.0.0.2", "localhost.test", "::2"])
  func wrongName(name: String) throws {
    let pair = try TLSPair(identity: identity, serverName: name)
    let failures = pair.handshake()
    #expect(failures.client?.code == .handshakeFailed)
    #expect(failures.client?.message.contains("mismatch") == true)
    #expect(failures.server?.code == .handshakeFailed)
    #expect(!pair.client.isEstablished)
  }

  @Test("a certificate that nothing vouches for is refused")
  func untrusted() throws {
    let pair = try TLSPair(identity: identity, trust: try TLSIdentity.selfSigned().certificateChain)
    let failures = pair.handshake()
    #expect(failures.client?.code == .handshakeFailed)
    #expect(failures.client?.message.contains("not trusted") == true)
    #expect(!pair.client.isEstablished)
  }

  @Test("a certificate that has expired is refused")
  func expired() throws {
    let pair = try TLSPair(identity: try .selfSigned(days: 0))
    let failures = pair.handshake()
    #expect(failures.client?.message.contains("expired") == true)
  }

  @Test(
    "a name that no certificate could bear does not keep the server from answering",
    arguments: ["outbound_.8080_._.callouts.svc", "a..b", "-dash-", "not a name", "ünïcode.test"])
  func illegalServerName(name: String) throws {
    let pair = try TLSPair(identity: identity, serverName: name)
    let failures = pair.handshake()
    // The server's certificate came, and it is the client that finds another name in it.
    #expect(failures.client?.message.contains("mismatch") == true)
  }

  @Test("a session outlives the context that it was made of")
  func contextLifetime() throws {
    var context: TLSContext? = try TLSContext(serverIdentity: identity, protocols: ["h2"])
    let server = TLSSession(context!, role: .server)
    context = nil
    let client = TLSSession(
      try TLSContext(trustRoots: identity.certificateChain, protocols: ["h2"]), role: .client(serverName: "localhost"))
    for _ in 0..<2 {
      try client.handshake()
      server.receive(client.takeCiphertext())
      try server.handshake()
      client.receive(server.takeCiphertext())
    }
    #expect(server.applicationProtocol == "h2")
  }
}
