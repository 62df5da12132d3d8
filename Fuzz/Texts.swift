// SPDX-License-Identifier: Apache-2.0

import CalloutJSON
import CalloutJWT
import NIOCore

/// What is read as JSON is the same when it was written and read again.
func readJSON(_ bytes: ByteBuffer) {
  guard let value = try? JSONValue(parsing: bytes.readableBytesView) else { return }
  precondition((try? JSONValue(parsing: value.serialized())) == value)
}

/// No bytes are a token that was signed, or a key set with which one could be.
func verifyToken(_ bytes: ByteBuffer) {
  let text = String(buffer: bytes)
  let keys = (try? JWTKey.keys(jwks: Array(buffer: bytes))) ?? []
  guard let secret = try? JWTKey.secret(Array(repeating: 1, count: 32)) else { return }
  precondition((try? JWTVerifier().verify(text, with: keys + [secret], at: 0)) == nil)
}

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
