// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOCore
import Testing

@Suite("Where a server is, as text")
struct GRPCTargetTests {
  @Test(
    "what can be a server's address is read, and written as it was",
    arguments: [
      ("127.0.0.1:50051", "127.0.0.1", "127.0.0.1:50051", false),
      ("[::1]:443", "::1", "[::1]:443", false),
      ("backend.example:1", "backend.example", "backend.example:1", true),
      ("localhost:65535", "localhost", "localhost:65535", true),
      ("unix:/run/a.sock", "localhost", "localhost", false),
    ])
  func targets(text: String, host: String, authority: String, isName: Bool) throws {
    let target = try #require(GRPCTarget(text))
    #expect(target.description == text)
    #expect(target.host == host)
    #expect(target.authority == authority)
    #expect(target.isName == isName)
  }

  @Test(
    "what cannot be is refused",
    arguments: ["", ":", "a", "a:", ":1", "a:0", "a:65536", "a:+1", "a:1x", "::1:80", "[]:1", "unix:", "a:٣"])
  func noTargets(text: String) { #expect(GRPCTarget(text) == nil) }

  @Test(
    "an address is a target", arguments: ["127.0.0.1:7", "[::1]:7", "unix:/run/a.sock"])
  func addresses(text: String) throws {
    let address =
      try text.hasPrefix("unix:")
      ? SocketAddress(unixDomainSocketPath: "/run/a.sock")
      : SocketAddress(ipAddress: text.hasPrefix("[") ? "::1" : "127.0.0.1", port: 7)
    #expect(GRPCTarget(address) == GRPCTarget(text))
  }
}
