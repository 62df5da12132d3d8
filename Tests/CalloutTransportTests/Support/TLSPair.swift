// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import CalloutTransport
import NIOCore

/// A client's and a server's TLS session joined in memory.
struct TLSPair {
  let client: TLSSession
  let server: TLSSession

  init(
    identity: TLSIdentity, serverProtocols: [String] = ["h2"], clientProtocols: [String] = ["h2"],
    serverName: String = "localhost", trust: [UInt8]? = nil
  ) throws {
    server = TLSSession(try TLSContext(serverIdentity: identity, protocols: serverProtocols), role: .server)
    client = TLSSession(
      try TLSContext(trustRoots: trust ?? identity.certificateChain, protocols: clientProtocols),
      role: .client(serverName: serverName))
  }

  /// Shakes hands as far as it goes; returns what either side complained of.
  func handshake() -> (client: TLSError?, server: TLSError?) {
    var failures: (client: TLSError?, server: TLSError?)
    var moved = 1
    while moved > 0 {
      if failures.client == nil { failures.client = step(client) }
      moved = move(from: client, to: server)
      if failures.server == nil { failures.server = step(server) }
      moved += move(from: server, to: client)
    }
    return failures
  }

  private func step(_ session: TLSSession) -> TLSError? {
    guard !session.isEstablished else { return nil }
    do throws(TLSError) {
      try session.handshake()
      return nil
    } catch {
      return error
    }
  }

  /// Moves what one side has to send to the other; returns how much it was.
  @discardableResult
  func move(from: TLSSession, to: TLSSession) -> Int {
    let ciphertext = from.takeCiphertext()
    if ciphertext.readableBytes > 0 { to.receive(ciphertext) }
    return ciphertext.readableBytes
  }
}

extension TLSSession {
  func takeCiphertext() -> ByteBuffer {
    var ciphertext = ByteBuffer()
    takeCiphertext(into: &ciphertext)
    return ciphertext
  }
}

/// A private key in PEM that only a password opens.
func encryptedPrivateKey() -> [UInt8] {
  let key = callout_generate_p256()
  let memory = BIO_new(BIO_s_mem())
  defer {
    EVP_PKEY_free(key)
    BIO_free(memory)
  }
  let password = Array("secret".utf8)
  guard PEM_write_bio_PrivateKey(memory, key, EVP_aes_128_cbc(), password, Int32(password.count), nil, nil) == 1
  else { return [] }
  var bytes: UnsafeMutablePointer<CChar>?
  let length = callout_bio_memory(memory!, &bytes)
  return Array(UnsafeRawBufferPointer(start: bytes, count: length))
}
