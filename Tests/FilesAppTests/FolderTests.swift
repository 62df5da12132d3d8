// SPDX-License-Identifier: Apache-2.0
import EnvoyModule
import Foundation
import HTTPTypes
import Testing

@testable import FilesApp

@Suite("A folder whose files are served")
struct FolderTests {
  /// What of a folder is found for a path: the name of the file, or the status that is thrown.
  private func find(_ path: String, accepting codings: String? = nil) throws -> String {
    let directory = FileManager.default.temporaryDirectory.appending(path: "folder-\(UUID().uuidString)")
    let root = directory.appending(path: "root")
    try FileManager.default.createDirectory(at: root.appending(path: "sub"), withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    for name in ["index.html", "a b", "p.css", "p.css.gz", "p.css.br", ".hidden", "sub/index.html", "../secret"] {
      try Data().write(to: root.appending(path: name))
    }
    try FileManager.default.createSymbolicLink(
      at: root.appending(path: "out"), withDestinationURL: directory.appending(path: "secret"))
    do {
      return try Self.find(path, codings, in: Folder(root.path)).components(separatedBy: "/root/").last ?? ""
    } catch let failure as HTTPFailure {
      return "\(failure.status.code)"
    }
  }

  private static func find(_ path: String, _ codings: String?, in folder: Folder) throws -> String {
    var request = HTTPRequest(method: .get, scheme: nil, authority: nil, path: path)
    request.headerFields[.acceptEncoding] = codings
    return try folder.find(request).path
  }

  @Test(
    "a path is a file of the folder, or none",
    arguments: [
      ("/", "index.html"), ("/?x", "index.html"), ("/sub/", "sub/index.html"), ("/a%20b", "a b"), ("/%70.css", "p.css"),
      ("//p.css", "p.css"), ("/.hidden", "404"), ("/%2ehidden", "404"), ("/../secret", "404"),
      ("/%2e%2e/secret", "404"),
      ("/..%2fsecret", "404"), ("/sub/../../secret", "404"), ("/out", "404"), ("/nothing", "404"), ("/p.css%00", "404"),
      ("*", "404"), ("", "404"), ("/%", "400"), ("/%7", "400"), ("/%zz", "400"), ("/%+1", "400"), ("/%-0", "400"),
      ("/%ff", "400"),
    ])
  func path(path: String, file: String) throws { #expect(try find(path) == file) }

  @Test(
    "of the forms of a file the client gets the one that it likes best",
    arguments: [
      (nil, "p.css"), ("gzip", "p.css.gz"), ("gzip, br", "p.css.br"), ("*", "p.css.br"), ("gzip;q=0.0", "p.css"),
      ("br;q=0.1, gzip;q=0.2", "p.css.gz"),
    ])
  func codings(accepted: String?, file: String) throws { #expect(try find("/p.css", accepting: accepted) == file) }

  @Test("the folder / has files too")
  func root() throws { #expect(try Self.find("/etc/passwd", nil, in: Folder("/")) == "/etc/passwd") }

  @Test("a folder that is not there is refused", arguments: ["", "/nowhere"])
  func missing(path: String) { #expect(throws: Folder.NoFolder.self) { try Folder(path) } }
}
