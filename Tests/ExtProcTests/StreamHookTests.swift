// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Testing

/// Handles both directions as streams, as a test says.
private final class Streams: CalloutServer, @unchecked Sendable {
  typealias Hook = @Sendable (IncomingMessage, consuming HeadersWriter) async throws -> Void

  private var onRequest: Hook = { _, reply in try await reply.send().passRest() }
  private var onResponse: Hook = { _, reply in try await reply.send().passRest() }
  let endings = Events<StreamEnding>()

  convenience init(
    request: @escaping Hook, response: @escaping Hook = { _, reply in try await reply.send().passRest() }
  ) {
    self.init()
    onRequest = request
    onResponse = response
  }

  override var configuration: Configuration {
    var configuration = Configuration()
    configuration.requestBody = .stream
    configuration.responseBody = .stream
    return configuration
  }

  override func onRequestStream(
    _ request: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
  ) async throws {
    try await onRequest(request, reply)
  }

  override func onResponseStream(
    _ response: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
  ) async throws {
    try await onResponse(response, reply)
  }

  override func onStreamEnd(_ ending: StreamEnding, context: CalloutContext) { endings.send(ending) }
}

@Suite("Hooks of streams over gRPC", .timeLimit(.minutes(1)))
struct StreamHookTests {
  private let headers = ProcessingRequestMessage.requestHeaders([":path": "/"]).withBodyModes(
    request: .fullDuplexStreamed, response: .fullDuplexStreamed)
  private let piece = [UInt8](repeating: 0x78, count: 65_536)

  private var fourStreams: ServerConfiguration {
    var configuration = ServerConfiguration.loopback
    configuration.limits.streamsPerConnection = 4
    return configuration
  }

  @Test("a hook that fails while much of the body waits gives its stream's place back")
  func failure() async throws {
    let (began, gate) = (Events<Void>(), Gate())
    let callout = Streams(request: { _, _ in
      began.send(())
      try await gate.wait()
      throw Denial("no")
    })
    try await withRunningServer(callout, configuration: fourStreams) { server in
      let client = try await server.client()
      for _ in 0..<20 {
        let stream = try await client.stream()
        try await stream.send(headers)
        try await began.next()
        for _ in 0..<6 { try await stream.send(.requestBody(bytes: piece)) }
        gate.open()
        #expect(try await stream.next()?.immediateResponse.status.code == .forbidden)
        stream.reset()
        _ = try await callout.endings.next()
      }
    }
  }

  @Test("a response that waits is read on although the request's hook ended meanwhile")
  func otherDirectionEnds() async throws {
    let (requestGate, responseGate) = (Gate(), Gate())
    let callout = Streams(
      request: { _, reply in
        let body = try await reply.send()
        try await requestGate.wait()
        try await body.finish()
      },
      response: { response, reply in
        let body = try await reply.send()
        try await responseGate.wait()
        for try await piece in response.body { try await body.write(piece) }
        try await body.finish()
      })
    try await withRunningServer(callout) { server in
      let stream = try await server.client().stream()
      _ = try await stream.reply(to: headers)
      try await stream.send(.requestBody("", endOfStream: true))
      _ = try await stream.reply(to: .responseHeaders([":status": "200"]))
      let sending = Task {
        for _ in 0..<9 { try await stream.send(.responseBody(bytes: piece)) }
        try await stream.send(.responseBody(bytes: piece, endOfStream: true))
      }
      requestGate.open()
      #expect(try await stream.next()?.requestBody.response.bodyMutation.streamedResponse.endOfStream == true)
      responseGate.open()
      var bytes = 0
      while let reply = try await stream.next()?.responseBody.response.bodyMutation.streamedResponse {
        bytes += reply.body.count
        if reply.endOfStream { break }
      }
      #expect(bytes == 10 * piece.count)
      try await sending.value
    }
  }

  @Test("a stream that is reset while its hook goes on keeps its place until the hook has ended")
  func place() async throws {
    let (began, gate) = (Events<Void>(), Gate())
    let callout = Streams(request: { request, reply in
      guard request.headers.path == "/wait" else { return try await reply.send().passRest() }
      began.send(())
      // Does not listen to its cancellation.
      await Task { try? await gate.wait() }.value
    })
    try await withRunningServer(callout, configuration: fourStreams) { server in
      let client = try await server.client()
      let waiting = ProcessingRequestMessage.requestHeaders([":path": "/wait"]).withBodyModes(
        request: .fullDuplexStreamed)
      for _ in 0..<4 {
        let stream = try await client.stream()
        try await stream.send(waiting)
        try await began.next()
        stream.reset()
      }
      let refused = try await client.stream()
      await #expect(throws: GRPCStatus.self) { try await refused.reply(to: headers) }
      gate.open()
      for _ in 0..<4 { _ = try await callout.endings.next() }
      let taken = try await client.stream()
      #expect(try await taken.reply(to: headers).hasRequestHeadersReply)
    }
  }
}

extension ProcessingResponseMessage {
  fileprivate var hasRequestHeadersReply: Bool {
    if case .requestHeaders = response { true } else { false }
  }
}
