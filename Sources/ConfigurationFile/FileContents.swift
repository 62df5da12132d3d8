// SPDX-License-Identifier: Apache-2.0

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// What files held when they were read, each of them once, so that all that is made of them fits together.
package final class FileContents {
  private var files: [String: [UInt8]?] = [:]

  package init() {}

  /// The bytes of a file, or nil where it cannot be read.
  package func read(_ path: String) -> [UInt8]? {
    if let known = files[path] { return known }
    let bytes = Self.bytes(of: path)
    files[path] = .some(bytes)
    return bytes
  }

  /// All that was read until now.
  var snapshot: Snapshot { Snapshot(files: files) }

  struct Snapshot: Sendable {
    fileprivate let files: [String: [UInt8]?]

    /// Whether one of the files holds something else by now.
    var hasChanged: Bool { files.contains { path, bytes in FileContents.bytes(of: path) != bytes } }
  }

  private static func bytes(of path: String) -> [UInt8]? {
    FileManager.default.contents(atPath: path).map { Array($0) }
  }
}
