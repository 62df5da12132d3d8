// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import CalloutGRPC
import NIOCore
import NIOPosix
import Testing

@testable import CalloutTransport

@Suite("Trust between a client and its server", .timeLimit(.minutes(1)))
struct ServerTrustTests {
  /// A certificate, what a client expects, and a part of what it says where that is something else.
  struct Case: Sendable, CustomTestStringConvertible {
    var names: String
    var serverName: String?
    var subjectAltNames: [String] = []
    var isVerified = true
    var isTrusted = true
    var refusal: String?

    var testDescription: String { "\(names) for \(serverName ?? "127.0.0.1") \(subjectAltNames)" }
  }

  @Test(
    "a server is taken for the right one by a name in its certificate, and refused with the reason",
    arguments: [
      Case(names: "DNS:a.test", serverName: "a.test"),
      Case(names: "DNS:*.example.test", serverName: "a.example.test"),
      Case(names: "DNS:a.test,DNS:b.test", serverName: "b.test"),
      Case(names: "DNS:a.test", serverName: "b.test", refusal: "mismatch"),
      Case(names: "IP:127.0.0.1"),
      Case(names: "DNS:a.test", refusal: "mismatch"),
      Case(names: "DNS:a.test", serverName: "a.test", isTrusted: false, refusal: "not trusted"),
      Case(names: "DNS:a.test", serverName: "b.test", isVerified: false, isTrusted: false),
      // In place of the server's name: one of these, exactly.
      Case(names: "URI:spiffe://test/a", serverName: "b.test", subjectAltNames: ["spiffe://test/a"]),
      Case(names: "URI:spiffe://test/a,DNS:a.test", subjectAltNames: ["other", "a.test"]),
      Case(
        names: "URI:spiffe://test/a", subjectAltNames: ["spiffe://test/b"],
        refusal: "the certificate is for spiffe://test/a, and for none of those expected"),
      Case(names: "URI:spiffe://test/a", subjectAltNames: ["spiffe://test/"], refusal: "for none of those expected"),
      Case(
        names: "DNS:a.test", serverName: "a.test", subjectAltNames: ["b.test"], refusal: "for none of those expected"),
      Case(names: "DNS:*.test", subjectAltNames: ["a.test"], refusal: "for none of those expected"),
      Case(names: "IP:127.0.0.1", subjectAltNames: ["a.test"], refusal: "the certificate is for no name"),
      Case(
        names: "URI:spiffe://test/a", subjectAltNames: ["spiffe://test/a"], isTrusted: false, refusal: "not trusted"),
      Case(
        names: "URI:spiffe://test/a", subjectAltNames: ["spiffe://test/b"], isVerified: false, isTrusted: false),
    ])
  func names(_ test: Case) async throws {
    let identity = try TLSIdentity.selfSigned(subject: "server", names: test.names)
    let issuer = test.isTrusted ? identity : try TLSIdentity.selfSigned(subject: "other")
    var tls = GRPCChannel.TLS(trustRoots: issuer.certificateChain, serverName: test.serverName)
    tls.subjectAltNames = test.subjectAltNames
    tls.verifiesServer = test.isVerified
    try await TestServer.run(tls: identity) { server in
      try await Self.connect(to: server.address, tls, refusal: test.refusal)
    }
  }

  @Test("a client whose server asks for a certificate has to show one that is trusted")
  func clientCertificates() async throws {
    let identity = try TLSIdentity.selfSigned()
    let client = try TLSIdentity.selfSigned(subject: "client", names: "URI:spiffe://test/client")
    let stranger = try TLSIdentity.selfSigned(subject: "stranger", names: "URI:spiffe://test/client")
    let names = GRPCMethod("Names") { (_, responses, context) in
      try await responses.send(ByteBuffer(string: context.peerNames.joined(separator: " ")))
    }
    try await TestServer.run([names], tls: identity, clientTrustRoots: client.certificateChain) { server in
      var configuration = GRPCChannel.Configuration(tls: .init(trustRoots: identity.certificateChain))
      configuration.tls?.identity = .init(certificateChain: client.certificateChain, privateKey: client.privateKey)
      let channel = try await GRPCChannel.connect(to: server.address, configuration: configuration)
      #expect(try await channel.ask("/test.Service/Names") == "spiffe://test/client")
      await channel.close()

      // In TLS 1.3 the server says why when the client has begun to talk, and its reset may overtake what it says.
      try await Self.connect(
        to: server.address, .init(trustRoots: identity.certificateChain), refusal: "cannot connect to 127.0.0.1:")
      var tls = GRPCChannel.TLS(trustRoots: identity.certificateChain)
      tls.identity = .init(certificateChain: stranger.certificateChain, privateKey: stranger.privateKey)
      try await Self.connect(to: server.address, tls, refusal: "cannot connect to 127.0.0.1:")
    }
  }

  @Test("certificates and keys that cannot be used are refused before anything is sent")
  func unusable() async throws {
    let identity = try TLSIdentity.selfSigned()
    let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
    try await Self.connect(to: address, .init(trustRoots: []), refusal: "127.0.0.1:1: no PEM certificate")
    var tls = GRPCChannel.TLS(trustRoots: identity.certificateChain)
    tls.identity = .init(
      certificateChain: identity.certificateChain, privateKey: try TLSIdentity.selfSigned().privateKey)
    try await Self.connect(to: address, tls, refusal: "127.0.0.1:1: the private key does not belong")
  }

  @Test("a server that chooses no protocol, or another one, is refused", arguments: [nil, "http/1.1"])
  func withoutHTTP2(protocol name: String?) async throws {
    let identity = try TLSIdentity.selfSigned()
    let context = try TLSContext(serverIdentity: identity, protocols: [name ?? "h2"])
    if name == nil { SSL_CTX_set_alpn_select_cb(context.pointer, nil, nil) }
    let server = GRPCServer(services: [], logger: LogCapture().logger)
    let listener = try await Listener.bind(
      to: SocketAddress(ipAddress: "127.0.0.1", port: 0), group: MultiThreadedEventLoopGroup.singleton,
      tls: { context }
    ) { try server.serve($0) }
    try await Self.connect(
      to: listener.address!, .init(trustRoots: identity.certificateChain),
      refusal: name == nil ? "the server did not choose HTTP/2 by ALPN" : "no application protocol")
    try await listener.close()
    await server.drain()
  }

  @Test("a server without TLS is refused, and so is one that only listens", arguments: [true, false])
  func withoutTLS(answers: Bool) async throws {
    try await FrameServer.run { server in
      let identity = try TLSIdentity.selfSigned()
      async let refused: Void = Self.connect(
        to: server.address, .init(trustRoots: identity.certificateChain),
        timeout: .milliseconds(answers ? 60_000 : 100),
        refusal: answers ? "TLS handshake" : "no connection within")
      let connection = try await server.accept()
      if answers { connection.send(RawConnection.settings()) }
      await connection.closed()
      try await refused
    }
  }

  /// Connects, and makes a call, where nothing is wrong; or expects what is.
  private static func connect(
    to address: SocketAddress, _ tls: GRPCChannel.TLS, timeout: Duration = .seconds(60), refusal: String?
  ) async throws {
    var configuration = GRPCChannel.Configuration(tls: tls)
    configuration.connection.connectTimeout = timeout
    guard let refusal else {
      let channel = try await GRPCChannel.connect(to: address, configuration: configuration)
      #expect(try await channel.ask() == "x")
      return await channel.close()
    }
    let failure = await #expect(throws: GRPCStatus.self) {
      try await GRPCChannel.connect(to: address, configuration: configuration)
    }
    #expect(failure?.code == .unavailable)
    #expect(failure?.message.contains(refusal) == true, "\(failure?.message ?? "")")
  }
}
