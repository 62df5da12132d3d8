// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import CalloutTransport
import ExtProcTesting
import Foundation
import Testing

@Suite(
  "envoyrun --tls-port", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(1)))
struct TLSTests {
  @Test("without files it has a certificate of its own")
  func selfSigned() async throws {
    try await EnvoyRunProcess.withFolder { folder in
      let environment = ["TMPDIR": folder.path]
      try await EnvoyRunProcess.run("HelloApp", ["--tls-port", "0"], environment: environment) { process in
        let address = try await process.address("https")
        let own = try #require(try FileManager.default.contentsOfDirectory(atPath: folder.path).first)
        let certificate = try Data(contentsOf: folder.appending(path: "\(own)/cert.pem"))
        #expect(try await HTTPConnection.connect(to: address, trusting: Array(certificate)).get("/").text == "hello\n")
        // The other port stays plaintext.
        #expect(try await HTTPConnection.connect(to: try await process.address()).get("/").text == "hello\n")
      }
    }
  }

  @Test("it has the certificate that is given, and wants one of the authority's from clients")
  func files() async throws {
    try await EnvoyRunProcess.withFolder { folder in
      let identity = try TLSIdentity.selfSigned()
      let client = try TLSIdentity.selfSigned(subject: "client")
      let stranger = try TLSIdentity.selfSigned(subject: "stranger")
      var arguments = ["--tls-port", "0"]
      let files = [("cert", identity.certificateChain), ("key", identity.privateKey), ("ca", client.certificateChain)]
      for (option, bytes) in files {
        let file = folder.appending(path: option)
        try Data(bytes).write(to: file)
        arguments += ["--\(option)", file.path]
      }
      try await EnvoyRunProcess.run("HelloApp", arguments) { process in
        let address = try await process.address("https")
        func get(_ identity: TLSIdentity?, trusting roots: TLSIdentity) async throws -> String {
          let connection = try await HTTPConnection.connect(
            to: address, trusting: roots.certificateChain,
            identity: identity.map { ($0.certificateChain, $0.privateKey) })
          return try await connection.get("/").text
        }
        #expect(try await get(client, trusting: identity) == "hello\n")
        await #expect(throws: (any Error).self) { try await get(client, trusting: stranger) }
        await #expect(throws: (any Error).self) { try await get(stranger, trusting: identity) }
        await #expect(throws: (any Error).self) { try await get(nil, trusting: identity) }
      }
    }
  }

  @Test("HTTP/3 is on the same port, over UDP, and clients of the others are told")
  func http3() async throws {
    try await EnvoyRunProcess.withFolder { folder in
      let identity = try TLSIdentity.selfSigned()
      let (certificate, key) = (folder.appending(path: "cert"), folder.appending(path: "key"))
      try Data(identity.certificateChain).write(to: certificate)
      try Data(identity.privateKey).write(to: key)
      let arguments = ["--tls-port", "0", "--http3", "--cert", certificate.path, "--key", key.path]
      try await EnvoyRunProcess.run("HelloApp", arguments) { process in
        let address = try await process.address("https")
        try await process.waitForOutput(containing: "listening: https://\(address) (HTTP/3)\n")
        let connection = try await HTTPConnection.connect(to: address, trusting: identity.certificateChain)
        let port = try #require("\(address)".split(separator: ":").last)
        #expect(try await connection.get("/").fields["alt-svc"] == #"h3=":\#(port)"; ma=86400"#)
      }
    }
  }
}
