// SPDX-License-Identifier: Apache-2.0

/// The paths that a mounted application is for: `/api` is for `/api`, `/api/x` and `/api?y`, and not for `/apix`.
struct MountPrefix: Hashable {
  /// Without a slash at its end.
  private let bytes: [UInt8]

  /// Nil where it does not begin with a slash.
  init?(_ text: String) {
    guard text.hasPrefix("/") else { return nil }
    bytes = Array(text.utf8.last == UInt8(ascii: "/") ? text.utf8.dropLast() : text.utf8[...])
  }

  var length: Int { bytes.count }

  func covers(_ path: String) -> Bool {
    let path = path.utf8
    guard path.starts(with: bytes) else { return false }
    guard let next = path.dropFirst(bytes.count).first else { return true }
    return next == UInt8(ascii: "/") || next == UInt8(ascii: "?")
  }
}
