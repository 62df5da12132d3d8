// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import Testing

@Suite("TLS context")
struct TLSContextTests {
  private let garbage = Array("-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n".utf8)

  @Test("a certificate that cannot be read is named as the fault", arguments: [true, false])
  func certificate(isEmpty: Bool) throws {
    let key = try TLSIdentity.selfSigned().privateKey
    let identity = TLSIdentity(certificateChain: isEmpty ? [] : garbage, privateKey: key)
    #expect(failure { try TLSContext(serverIdentity: identity, protocols: ["h2"]) } == .certificateUnusable)
  }

  @Test("a private key that cannot be read is named as the fault", arguments: [true, false])
  func privateKey(isEmpty: Bool) throws {
    let chain = try TLSIdentity.selfSigned().certificateChain
    let identity = TLSIdentity(certificateChain: chain, privateKey: isEmpty ? [] : garbage)
    #expect(failure { try TLSContext(serverIdentity: identity, protocols: ["h2"]) } == .privateKeyUnusable)
  }

  @Test("an encrypted private key is refused without asking for its password")
  func encryptedKey() throws {
    let key = encryptedPrivateKey()
    #expect(String(decoding: key, as: UTF8.self).contains("ENCRYPTED"))
    let identity = TLSIdentity(certificateChain: try TLSIdentity.selfSigned().certificateChain, privateKey: key)
    #expect(failure { try TLSContext(serverIdentity: identity, protocols: ["h2"]) } == .privateKeyUnusable)
  }

  @Test("a private key of another certificate is refused")
  func mismatch() throws {
    let identity = TLSIdentity(
      certificateChain: try TLSIdentity.selfSigned().certificateChain,
      privateKey: try TLSIdentity.selfSigned().privateKey)
    #expect(failure { try TLSContext(serverIdentity: identity, protocols: ["h2"]) } == .privateKeyMismatch)
  }

  @Test("trust roots without a certificate are refused", arguments: [true, false])
  func trustRoots(isEmpty: Bool) {
    #expect(failure { try TLSContext(trustRoots: isEmpty ? [] : garbage, protocols: []) } == .trustRootsUnusable)
  }

  @Test("a refusal leaves nothing behind that would fail what comes after it")
  func errorQueue() throws {
    _ = failure { try TLSContext(trustRoots: garbage, protocols: []) }
    let pair = try TLSPair(identity: try .selfSigned())
    let failures = pair.handshake()
    #expect(failures.client == nil && failures.server == nil)
  }

  @Test("text around the PEM blocks, and more certificates after the first, are taken")
  func surroundedPEM() throws {
    var identity = try TLSIdentity.selfSigned()
    let text = Array("subject: localhost\n\n".utf8)
    let trust = text + identity.certificateChain + text
    identity.certificateChain =
      text + identity.certificateChain + text + (try TLSIdentity.selfSigned().certificateChain)
    identity.privateKey = text + identity.privateKey
    let pair = try TLSPair(identity: identity, trust: trust)
    #expect(pair.handshake().client == nil)
  }

  private func failure(_ body: () throws -> TLSContext) -> TLSError.Code? {
    do {
      _ = try body()
      return nil
    } catch {
      return (error as? TLSError)?.code
    }
  }
}
