// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore

/// The service that proxy_peer.py has too, served by us.
enum PingService {
  static let details = [UInt8](0...255)

  static func path(_ method: String) -> String { "/test.Pings/\(method)" }

  static func make() -> GRPCService {
    let sleeperEnded = Events<Void>()
    return GRPCService(
      "test.Pings",
      methods: [
        pingEmpty, ping, pingError, pingList, pingStream, headersFirst, notFound, richError, metadata, finish, echo,
        collect, compressed,
        .bare("Sleep") { call, _ in
          call.send(headers: head(["x-early": "yes"]))
          _ = await call.closed()
          sleeperEnded.send()
        },
        .bare("WaitForSleeper") { call, _ in
          await sleeperEnded.next()
          call.answer("ended")
        },
      ])
  }

  private static let pingEmpty = GRPCMethod.bare("PingEmpty") { call, fields in
    guard fields["test-client-header"] == "true" else { throw GRPCStatus(.failedPrecondition, "no test-client-header") }
    call.answer("42 I like kittens.")
  }

  private static let ping = GRPCMethod.bare("Ping") { call, fields in
    let request = try await call.text() ?? ""
    call.answer("42 \(request)", head: pingHead(fields), trailers: pingTrailers)
  }

  private static let pingError = GRPCMethod.bare("PingError") { _, _ in
    throw GRPCStatus(.failedPrecondition, "Userspace error.")
  }

  private static let pingList = GRPCMethod.bare("PingList") { call, fields in
    let request = try await call.text() ?? ""
    call.send(headers: pingHead(fields))
    for number in 0..<10 { call.send(ByteBuffer(string: "\(number) \(request)")) }
    call.end(trailers: pingTrailers)
  }

  private static let pingStream = GRPCMethod.bare("PingStream") { call, fields in
    call.send(headers: pingHead(fields))
    var number = 0
    while let request = try await call.text() {
      call.send(ByteBuffer(string: "\(number) \(request)"))
      number += 1
    }
    call.end(trailers: pingTrailers)
  }

  private static let headersFirst = GRPCMethod.bare("HeadersFirst") { call, _ in
    call.send(headers: head(["x-early": "yes"]))
    while let message = try await call.message() { call.send(message.payload) }
    call.end(trailers: ok())
  }

  private static let notFound = GRPCMethod.bare("NotFound") { call, _ in
    let fields = GRPCFields.trailersOnly(GRPCStatus(.notFound, "no such thing \u{263a}\n"), ["x-trailer": "kept"])
    call.send(headers: fields, endStream: true)
  }

  private static let richError = GRPCMethod.bare("RichError") { call, _ in
    var fields = GRPCFields.trailersOnly(GRPCStatus(.resourceExhausted, "rich"), [:])
    var encoded = Metadata()
    try encoded.append("details-bin", .binary(details))
    for (name, value) in encoded.wirePairs { fields.append("grpc-status-\(name)", value) }
    call.send(headers: fields, endStream: true)
  }

  private static let metadata = GRPCMethod.bare("Metadata") { call, fields in
    var echoed = Metadata()
    for entry in Metadata(fields) where entry.name.hasPrefix("x-") { try echoed.append(entry.name, entry.value) }
    call.answer("", head: head(echoed), trailers: ok(echoed))
  }

  private static let finish = GRPCMethod.bare("Finish") { call, _ in
    _ = try await call.message()
    call.answer("done")
  }

  private static let echo = GRPCMethod.bare("Echo") { call, _ in
    call.send(headers: head([:]))
    while let message = try await call.message() { call.send(message.payload) }
    call.end(trailers: ok())
  }

  private static let collect = GRPCMethod.bare("Collect") { call, _ in
    var count = 0
    while let message = try await call.message() { count += message.payload.readableBytes }
    call.answer("\(count)")
  }

  private static let compressed = GRPCMethod.bare("Compressed") { call, _ in
    guard let message = try await call.message() else { throw GRPCStatus(.internal, "no request") }
    var fields = head([:])
    fields.append("grpc-encoding", "gzip")
    call.send(headers: fields)
    let text = message.compressed ? try Gzip.decompress(message.payload, maxLength: .max) : message.payload
    call.send(try Gzip.compress(text), compressed: true)
    call.end(trailers: ok())
  }

  private static func pingHead(_ request: HeaderFields) -> HeaderFields {
    var fields = head(["ping-header": "Arbitrary header text"])
    if let value = request["test-client-header"] { fields.append("test-client-header", value) }
    return fields
  }

  private static let pingTrailers = ok(["ping-trailer": "Arbitrary trailer text"])

  static func head(_ metadata: Metadata) -> HeaderFields {
    var fields = GRPCFields.plainResponseHeaders
    for (name, value) in metadata.wirePairs { fields.append(name, value) }
    return fields
  }

  static func ok(_ metadata: Metadata = [:]) -> HeaderFields { GRPCFields.trailers(.ok, metadata) }
}

extension BareStream {
  /// The next message as text, decompressed, or nil when there is none.
  func text() async throws -> String? {
    guard let message = try await message() else { return nil }
    return String(buffer: message.compressed ? try Gzip.decompress(message.payload, maxLength: .max) : message.payload)
  }

  /// Sends a whole answer of one message.
  func answer(
    _ text: String, head: HeaderFields = GRPCFields.plainResponseHeaders, trailers: HeaderFields = PingService.ok()
  ) {
    send(headers: head)
    send(ByteBuffer(string: text))
    end(trailers: trailers)
  }
}
