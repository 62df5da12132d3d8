// SPDX-License-Identifier: Apache-2.0
import EnvoyModule
import Glibc
import HTTPTypes

/// A folder whose files are served, and none beside it.
struct Folder: Sendable {
  /// Without a slash at its end.
  private let root: String

  /// Throws where there is no such folder.
  init(_ path: String) throws {
    guard !path.isEmpty, let root = Self.resolved(path) else { throw NoFolder(path: path) }
    self.root = root == "/" ? "" : root
  }

  struct NoFolder: Error, CustomStringConvertible {
    let path: String
    var description: String { "filter_config names no folder that is there: '\(path)'" }
  }

  /// The file for a request, and how it is compressed; throws 404 where there is none.
  func find(_ request: HTTPRequest) throws -> (path: String, encoding: String?) {
    let path = request.path ?? "/"
    guard var name = Self.decoded(path.prefix { $0 != "?" && $0 != "#" }) else { throw HTTPFailure(.badRequest) }
    if name.hasSuffix("/") { name += "index.html" }
    for coding in AcceptedCodings(request.headerFields[.acceptEncoding] ?? "").chosen(of: ["br", "gzip"]) {
      if let path = file(name + (coding == "br" ? ".br" : ".gz")) { return (path, coding) }
    }
    guard let path = file(name) else { throw HTTPFailure(.notFound) }
    return (path, nil)
  }

  /// Where a file of the folder is, once links and dots are resolved; nil where that is elsewhere, or hidden.
  private func file(_ name: String) -> String? {
    guard name.hasPrefix("/"), !name.utf8.contains(0),
      !name.split(separator: "/").contains(where: { $0.hasPrefix(".") }),
      let path = Self.resolved(root + name), path.hasPrefix(root + "/")
    else { return nil }
    return path
  }

  private static func resolved(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// A path with its percent signs decoded, or nil where they are wrong.
  private static func decoded(_ path: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Substring(path).utf8
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      let digits = rest.prefix(2)
      guard digits.count == 2, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
