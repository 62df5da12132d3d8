// SPDX-License-Identifier: Apache-2.0

import CalloutJSON
import CalloutJWT
import NIOCore

/// What is read as JSON is the same when it was written and read again.
func readJSON(_ bytes: ByteBuffer) {
  guard let value = try? JSONValue(parsing: bytes.readableBytesView) else { return }
  precondition((try? JSONValue(parsing: value.serialized())) == value)
}

/// No bytes are a token that was signed with a key of which only the public half is known, or a secret nobody used.
func verifyToken(_ bytes: ByteBuffer) {
  precondition((try? JWTVerifier().verify(String(buffer: bytes), with: keys, at: 0)) == nil)
}

/// A key set is read or refused.
func readKeys(_ bytes: ByteBuffer) { _ = try? JWTKey.keys(jwks: Array(buffer: bytes)) }

private let keys: [JWTKey] = {
  let pems = [
    """
    -----BEGIN PUBLIC KEY-----
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqH+y2RHrzaOTnBs4MZjK
    qQ4guF/IqCPWnF/bzfG0WNRL6eecw4jgWWlEByCJb5KPh6/1N003+y4wHdhgOFTa
    KXeEFfI8cINmWfNJFf7XTtPEm2V9sjrokf5+jT4jDPbwjRGjAYiO8oh5FH7l+RLF
    jcSRqDFKMshlnBwP9rHiimeMeW/v6m2RymjNdE5gcHHqyxtv/vjHTaMiHSJtkt//
    aNseVngzZ3xTFnVjMmxFKFuCnd4z/u2thN5Zm9qg2UY6wP+zgWMldYn6lrF5DyOu
    2lfVoaSpObEn7kfSDyeznr+GDEKoSIGdIRXOV9TJncTOMLa112cdtUvlGcLeY+OC
    VQIDAQAB
    -----END PUBLIC KEY-----
    """,
    """
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEbGiHabxhMQ463dASuAJKyY5g6Bnf
    /as7RlQzs6MNJ72lYy4pTuPEl3OB4I7eBas4Sd/3l8WY+D873VMf8kCLnw==
    -----END PUBLIC KEY-----
    """,
  ]
  return pems.compactMap { try? JWTKey.publicKey(pem: Array($0.utf8)) }
    + [try? JWTKey.secret(Array(repeating: 1, count: 32))].compactMap(\.self)
}()

/// A stream of events is the same in one piece and in many; the first byte says how long they are.
func readEvents(_ bytes: ByteBuffer) {
  var bytes = bytes
  guard let length: UInt8 = bytes.readInteger() else { return }
  var (whole, cut) = (ServerSentEvents(upTo: 1_000), ServerSentEvents(upTo: 1_000))
  let expected = whole.receive(bytes.readableBytesView)
  var events: [String] = []
  while let piece = bytes.readSlice(length: min(Int(length) + 1, bytes.readableBytes)), piece.readableBytes > 0 {
    events += cut.receive(piece.readableBytesView)
    precondition(cut.heldBytes <= 1_001)
  }
  precondition(events == expected && cut.finish() == whole.finish() && cut.isOverLimit == whole.isOverLimit)
}
