// SPDX-License-Identifier: Apache-2.0

// Sends the body of a request back as it arrives, both ways at once, and its length in a trailer.

import EnvoyModule
import HTTPTypes

struct EchoApp: HTTPApplication {
  func handle(_ request: HTTPRequest, body: RequestBody, response: consuming ResponseWriter) async throws {
    let type = request.headerFields[.contentType] ?? "application/octet-stream"
    let writer = try await response.send(
      HTTPResponse(status: .ok, headerFields: [.contentType: type, .trailer: "x-length"]))
    var length = 0
    for try await piece in body {
      length += piece.readableBytes
      try await writer.write(piece)
    }
    try await writer.finish(trailers: [HTTPField.Name("x-length")!: "\(length)"])
  }
}

@c public func envoyModuleRegister() {
  EnvoyModule.register("echo") { _ in EchoApp() }
}
