// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import Testing

@Suite("TLS identity")
struct TLSIdentityTests {
  @Test("each self-signed identity is another, with a PEM certificate and key")
  func selfSigned() throws {
    let first = try TLSIdentity.selfSigned()
    let second = try TLSIdentity.selfSigned()
    #expect(first != second)
    #expect(first.fingerprint != second.fingerprint)
    #expect(String(decoding: first.certificateChain, as: UTF8.self).hasPrefix("-----BEGIN CERTIFICATE-----"))
    #expect(String(decoding: first.privateKey, as: UTF8.self).hasPrefix("-----BEGIN PRIVATE KEY-----"))
  }

  @Test("a fingerprint is 32 bytes in hexadecimal between colons")
  func fingerprint() throws {
    let fingerprint = try #require(try TLSIdentity.selfSigned().fingerprint)
    let bytes = fingerprint.split(separator: ":")
    #expect(bytes.count == 32)
    #expect(bytes.allSatisfy { $0.count == 2 && UInt8($0, radix: 16) != nil && $0 == $0.uppercased() })
  }

  @Test("what is no certificate has no fingerprint")
  func noFingerprint() {
    #expect(TLSIdentity(certificateChain: Array("x".utf8), privateKey: []).fingerprint == nil)
    #expect(TLSIdentity(certificateChain: [], privateKey: []).fingerprint == nil)
  }
}
