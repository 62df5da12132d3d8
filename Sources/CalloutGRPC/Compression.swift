// SPDX-License-Identifier: Apache-2.0

/// A way to encode messages that both sides of a call may agree on.
///
/// The raw value is the name in `grpc-encoding`, compared exactly. Source: "gRPC over HTTP/2", Message-Encoding.
package enum Compression: String, CaseIterable, Hashable, Sendable {
  case identity
  case gzip

  /// The value of `grpc-accept-encoding` that offers everything this side can decode.
  package static let advertised = allCases.map(\.rawValue).joined(separator: ",")

  /// What a peer can decode, told from its `grpc-accept-encoding`.
  ///
  /// Names not known here are passed over. Identity is always in: every peer reads uncompressed messages.
  package static func accepted(_ acceptEncoding: String) -> Set<Compression> {
    var accepted: Set<Compression> = [.identity]
    for name in acceptEncoding.split(whereSeparator: { $0 == "," || $0 == " " || $0 == "\t" }) {
      if let compression = Compression(rawValue: String(name)) { accepted.insert(compression) }
    }
    return accepted
  }
}
