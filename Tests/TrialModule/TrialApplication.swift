// SPDX-License-Identifier: Apache-2.0
import EnvoyModule
import HTTPTypes
import NIOCore

/// Does what the path says.
struct TrialApplication: HTTPApplication {
  var limits = RequestLimits()
  var failsToStart = false

  struct Failure: Error {}

  func start() async throws {
    try await Task.sleep(for: .milliseconds(5))
    if failsToStart { throw Failure() }
  }

  func handle(_ request: HTTPRequest, body: RequestBody, response: consuming ResponseWriter) async throws {
    // The last part, for it may be mounted.
    switch "/" + (request.path?.split(separator: "/").last ?? "") {
    case "/throw": throw Failure()
    case "/teapot": throw HTTPFailure(.init(code: 418), "short and stout")
    case "/silent": break
    case "/break":
      let writer = try await response.send(HTTPResponse(status: .ok))
      try await writer.write("begun")
      throw Failure()
    case "/unended":
      let writer = try await response.send(HTTPResponse(status: .ok))
      try await writer.write("all there is")
    case "/sleep": try await Task.sleep(for: .seconds(600))
    case "/collect":
      let whole = try await body.collect(upTo: 1 << 20)
      try await response.send(HTTPResponse(status: .ok), body: "\(whole.readableBytes)")
    case "/big":
      let writer = try await response.send(HTTPResponse(status: .ok))
      let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 65_536)
      for _ in 0..<256 { try await writer.write(piece) }
    case "/answered": try await response.send(HTTPResponse(status: status(of: request)), body: "a body")
    case "/written":
      let writer = try await response.send(HTTPResponse(status: status(of: request)))
      for _ in 0..<3 { try await writer.write("a body") }
      try await writer.finish(trailers: [HTTPField.Name("x-trailer")!: "1"])
    case "/failed": throw HTTPFailure(status(of: request), "a body")
    case "/impatient": try await response.send(HTTPResponse(status: .ok), body: readers(of: body, 1, givingUp: true))
    case "/two-readers": try await response.send(HTTPResponse(status: .ok), body: readers(of: body, 2, givingUp: false))
    case "/described":
      let fields = request.headerFields.map { "\($0.name.canonicalName)=\($0.value)" }.filter { $0.hasPrefix("x-") }
      let text = "\(request.method) \(request.scheme ?? "-") \(request.authority ?? "-") \(fields)"
      try await response.send(HTTPResponse(status: .created, headerFields: [.server: "ours"]), body: text)
    default: try await echo(request, body: body, response: response)
    }
  }

  /// The status that the request wants.
  private func status(of request: HTTPRequest) -> HTTPResponse.Status {
    HTTPResponse.Status(code: request.headerFields[HTTPField.Name("x-status")!].flatMap { Int($0) } ?? 200)
  }

  /// Has several read at once, and says what each got.
  private func readers(of body: RequestBody, _ count: Int, givingUp: Bool) async throws -> String {
    try await withThrowingTaskGroup(of: String.self) { readers in
      nonisolated(unsafe) let body = body
      for _ in 0..<count {
        readers.addTask { try await body.next().map { "\($0.readableBytes)" } ?? "end" }
      }
      if givingUp {
        readers.addTask {
          try await Task.sleep(for: .milliseconds(20))
          return "gave up"
        }
        defer { readers.cancelAll() }
        return try await readers.next()!
      }
      return try await readers.reduce(into: []) { $0.append($1) }.sorted().joined(separator: " ")
    }
  }

  private func echo(_ request: HTTPRequest, body: RequestBody, response: consuming ResponseWriter) async throws {
    let writer = try await response.send(HTTPResponse(status: .ok))
    for try await piece in body {
      if request.path == "/slowly" { try await Task.sleep(for: .milliseconds(1)) }
      try await writer.write(piece)
    }
    try await writer.finish(trailers: body.trailers ?? [:])
  }
}

/// Tells its name.
struct Named: HTTPApplication {
  let name: String

  func handle(_ request: HTTPRequest, body: RequestBody, response: consuming ResponseWriter) async throws {
    try await response.send(HTTPResponse(status: .ok), body: name)
  }
}
