// SPDX-License-Identifier: Apache-2.0

// Serves the files of a folder within Envoy, which filter_config names:
//
//   filter_config:
//     "@type": type.googleapis.com/google.protobuf.StringValue
//     value: /srv/www
//
// It knows GET and HEAD, index.html, entity tags and times of modification, one range of bytes, and files that are
// compressed beforehand: of page.css.br and page.css.gz beside page.css the client gets what it likes best.

import EnvoyModule
import HTTPTypes
import NIOCore

struct FilesApp: HTTPApplication {
  let folder: Folder

  func handle(_ request: HTTPRequest, body: RequestBody, response: consuming ResponseWriter) async throws {
    guard request.method == .get || request.method == .head else {
      let refusal = HTTPResponse(status: .methodNotAllowed, headerFields: [.allow: "GET, HEAD"])
      return try await response.send(refusal, body: "")
    }
    let (path, encoding) = try folder.find(request)
    let file = try File(path)
    var head = HTTPResponse(status: .ok, headerFields: file.version.fields)
    head.headerFields[.acceptRanges] = "bytes"
    head.headerFields[.contentType] = contentType(of: request.path ?? "/")
    head.headerFields[.contentEncoding] = encoding
    head.headerFields[.vary] = "accept-encoding"
    if file.version.isKnown(to: request) {
      head.status = .notModified
      return try await response.send(head).finish()
    }
    var range = 0..<file.length
    if let asked = file.version.range(for: request) {
      guard let found = asked.within(file.length) else {
        head.status = .rangeNotSatisfiable
        head.headerFields[.contentRange] = "bytes */\(file.length)"
        return try await response.send(head, body: "")
      }
      range = found
      head.status = .partialContent
      head.headerFields[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(file.length)"
    }
    head.headerFields[.contentLength] = "\(range.count)"
    let writer = try await response.send(head)
    guard request.method == .get else { return try await writer.finish() }
    for start in stride(from: range.lowerBound, to: range.upperBound, by: File.pieceLength) {
      let end = min(start + File.pieceLength, range.upperBound)
      try await writer.write(file.read(start..<end))
    }
    try await writer.finish()
  }

  private func contentType(of path: String) -> String {
    let name = path.prefix { $0 != "?" }
    let types = [
      "css": "text/css", "gif": "image/gif", "html": "text/html; charset=utf-8", "jpg": "image/jpeg",
      "js": "text/javascript", "json": "application/json", "pdf": "application/pdf", "png": "image/png",
      "svg": "image/svg+xml", "txt": "text/plain; charset=utf-8", "wasm": "application/wasm", "webp": "image/webp",
    ]
    if name.hasSuffix("/") { return "text/html; charset=utf-8" }
    return types[name.split(separator: ".").last.map(String.init) ?? ""] ?? "application/octet-stream"
  }
}

@c public func envoyModuleRegister() {
  EnvoyModule.register("files") { configuration in FilesApp(folder: try Folder(configuration.text)) }
}
