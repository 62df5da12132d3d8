// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import SwiftProtobuf
import Testing

@testable import AddHeader

// What `EnvoyFilter` makes of callouts; that a real Envoy does the same is held in EnvoyTests.

/// A stream of a callout that does what a test says.
private final class Scripted: ProcessingStream {
  private let script: @Sendable (ProcessingRequestMessage) -> [ProcessingResponseMessage]
  private let replies: AsyncStream<ProcessingResponseMessage>
  private let replied: AsyncStream<ProcessingResponseMessage>.Continuation

  init(_ script: @escaping @Sendable (ProcessingRequestMessage) -> [ProcessingResponseMessage]) {
    self.script = script
    (replies, replied) = AsyncStream.makeStream()
  }

  func send(_ message: ProcessingRequestMessage) async throws { script(message).forEach { replied.yield($0) } }
  func next() async throws -> ProcessingResponseMessage? { await replies.first { _ in true } }
  func halfClose() { replied.finish() }
  func reset() { replied.finish() }
}

extension EnvoyFilter {
  fileprivate func exchange(
    _ request: HTTPRequest, chunkSize: Int = 16_384,
    _ script: @escaping @Sendable (ProcessingRequestMessage) -> [ProcessingResponseMessage]
  ) async throws -> EnvoyExchange {
    try await exchange(request, chunkSize: chunkSize, upstream: { HTTPResponse(body: $0.text) }) { _ in
      Scripted(script)
    }
  }
}

/// Writes each piece in capitals.
private final class Capitals: CalloutServer, @unchecked Sendable {
  override func onRequestBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    .replace(body.string.uppercased())
  }
}

@Suite("EnvoyFilter", .timeLimit(.minutes(1)))
struct EnvoyFilterTests {
  // README.md shows this test.
  @Test func `the upstream and the client get a header`() async throws {
    let exchange = try await EnvoyFilter().exchange(HTTPRequest("GET", "/"), with: AddHeader()) { request in
      HTTPResponse(status: 404, fields: ["foo": "1"], body: "no \(request.path)")
    }
    #expect(exchange.upstreamRequest?.fields["header-request"] == "request")
    #expect(exchange.response.status == 404)
    #expect(exchange.response.fields["header-response"] == "response")
    #expect(exchange.response.fields["foo"] == nil)
    #expect(exchange.routeCacheCleared)
    #expect(exchange.warnings == [])
  }

  @Test(
    "a body comes in pieces of the size that the test says", arguments: [BodySendMode.streamed, .fullDuplexStreamed])
  func pieces(mode: BodySendMode) async throws {
    let filter = EnvoyFilter {
      $0.requestBodyMode = mode
      $0.requestTrailerMode = .send
    }
    let request = HTTPRequest("POST", body: "abcdefgh", trailers: ["x-t": "1"])
    let exchange = try await filter.exchange(request, with: Capitals(), chunkSize: 3) { HTTPResponse(body: $0.text) }
    #expect(exchange.upstreamRequest?.text == "ABCDEFGH")
    #expect(exchange.upstreamRequest?.trailers["x-t"] == "1")
    #expect(exchange.response.text == "ABCDEFGH")
    let pieces = exchange.requests.filter { if case .requestBody = $0.request { true } else { false } }
    #expect(pieces.map { $0.requestBody.body.count } == [3, 3, 2])
    #expect(pieces.allSatisfy { !$0.requestBody.endOfStream })
  }

  @Test("the first message tells the modes, and each direction's first its attributes")
  func settings() async throws {
    var filter = EnvoyFilter { $0.requestBodyMode = .buffered }
    filter.requestAttributes = ["request.path": Google_Protobuf_Value(stringValue: "/")]
    filter.responseAttributes = ["response.code": Google_Protobuf_Value(numberValue: 200)]
    filter.forwardedMetadata = ["a": Google_Protobuf_Struct(fields: ["b": true])]
    let exchange = try await filter.exchange(HTTPRequest("POST", body: "hello"), with: CalloutServer())
    #expect(exchange.requests.map(\.hasProtocolConfig) == [true, false, false])
    #expect(exchange.requests[0].protocolConfig.requestBodyMode == .buffered)
    #expect(
      exchange.requests.map { $0.attributes.values.flatMap(\.fields.keys) } == [
        ["request.path"], [], ["response.code"],
      ])
    #expect(exchange.requests.allSatisfy { $0.metadataContext.filterMetadata["a"]?.fields["b"]?.boolValue == true })
  }

  @Test("dynamic metadata comes from listed namespaces only, and what is ignored is a warning")
  func metadata() async throws {
    var filter = EnvoyFilter { $0.responseHeaderMode = .skip }
    filter.receivingNamespaces = ["mine"]
    let exchange = try await filter.exchange(HTTPRequest()) { _ in
      let value = Google_Protobuf_Value(structValue: Google_Protobuf_Struct(fields: ["user": "ann"]))
      return [
        .with {
          $0.requestHeaders.response.clearRouteCache_p = true
          $0.dynamicMetadata.fields = ["mine": value, "other": value]
        }
      ]
    }
    #expect(exchange.dynamicMetadata.keys.sorted() == ["mine"])
    #expect(exchange.dynamicMetadata["mine"]?.fields["user"]?.stringValue == "ann")
    #expect(!exchange.routeCacheCleared)
    #expect(exchange.warnings.count == 2)
    #expect(exchange.warnings.first?.contains("receiving_namespaces do not list") == true)
    #expect(exchange.warnings.last?.contains("clear_route_cache was ignored") == true)
  }

  @Test("a value in the wrong field and a change that no rule allows are warnings")
  func ignoredChanges() async throws {
    let exchange = try await EnvoyFilter { $0.responseHeaderMode = .skip }.exchange(HTTPRequest()) { _ in
      [
        .with {
          $0.requestHeaders.response.headerMutation.setHeaders = [
            .with { $0.header = .with { ($0.key, $0.value) = ("x-a", "1") } },
            .with { $0.header = .with { ($0.key, $0.rawValue) = (":method", .init("PUT".utf8)) } },
          ]
        }
      ]
    }
    #expect(exchange.upstreamRequest?.method == "GET")
    #expect(exchange.upstreamRequest?.fields["x-a"] == "")
    #expect(exchange.warnings.first?.contains("use `raw_value`") == true)
    #expect(exchange.warnings.last?.contains("allow_all_routing") == true)
  }

  @Test("no reply is a 504 after the message timeout, which a reply may move once")
  func timeout() async throws {
    var filter = EnvoyFilter()
    (filter.messageTimeout, filter.maxMessageTimeout) = (.seconds(2), .seconds(3))
    let failure = await #expect(throws: ExchangeFailure.self) {
      try await filter.exchange(HTTPRequest()) { _ in
        [
          .with { $0.overrideMessageTimeout = .init(seconds: 3) },
          .with { $0.overrideMessageTimeout = .init(seconds: 3) },
        ]
      }
    }
    #expect(failure?.status == 504)
    #expect(failure?.responseCodeDetails == "ext_proc_error_per-message_timeout_exceeded")
    #expect(failure?.reason.contains("no reply to the request headers") == true)
  }

  @Test("a duplex body without an end hangs until the idle timeout")
  func idle() async throws {
    var filter = EnvoyFilter {
      $0.requestBodyMode = .fullDuplexStreamed
      $0.requestTrailerMode = .send
    }
    filter.streamIdleTimeout = .seconds(2)
    let failure = await #expect(throws: ExchangeFailure.self) {
      try await filter.exchange(HTTPRequest("POST", body: "a")) { message in
        guard case .requestBody(let body) = message.request else { return [.with { $0.requestHeaders = .init() }] }
        return [.with { $0.requestBody.response.bodyMutation.streamedResponse.body = body.body }]
      }
    }
    #expect(failure?.status == 504)
    #expect(failure?.description.contains("end_of_stream") == true)
  }

  @Test("a failure says what the client gets, which rule was broken, and what to do")
  func sentence() async throws {
    let failure = await #expect(throws: ExchangeFailure.self) {
      try await EnvoyFilter().exchange(HTTPRequest()) { _ in [.with { $0.responseHeaders = .init() }] }
    }
    #expect(
      failure?.description
        == "Envoy answers 500 (spurious_message): the reply is response_headers, but Envoy waits for a reply to the "
        + "request headers; reply once to each message, in its own phase")
  }

  @Test("in observability mode the callout sees all, and its replies are needless")
  func observability() async throws {
    var filter = EnvoyFilter { ($0.requestBodyMode, $0.responseBodyMode) = (.streamed, .buffered) }
    filter.observabilityMode = true
    let exchange = try await filter.exchange(HTTPRequest("POST", body: "hello")) { message in
      if case .requestHeaders = message.request { [.with { $0.requestHeaders = .init() }] } else { [] }
    }
    #expect(exchange.response.text == "hello")
    #expect(exchange.requests.count == 4)
    #expect(exchange.requests.allSatisfy { $0.observabilityMode && !$0.hasProtocolConfig })
    #expect(exchange.warnings == ["a reply was ignored: in observability mode Envoy takes none; send none"])
  }

  @Test("a buffered body over the limit is refused, a partially buffered one goes on")
  func limits() async throws {
    var filter = EnvoyFilter { ($0.requestBodyMode, $0.responseHeaderMode) = (.buffered, .skip) }
    filter.bufferLimit = 4
    let request = HTTPRequest("POST", body: "abcdefgh")
    let failure = await #expect(throws: ExchangeFailure.self) {
      try await filter.exchange(request, with: Capitals(), chunkSize: 3)
    }
    #expect(failure?.status == 413)
    filter.processingMode.requestBodyMode = .bufferedPartial
    let exchange = try await filter.exchange(request, with: Capitals(), chunkSize: 3)
    #expect(exchange.upstreamRequest?.text == "ABCDEFgh")
  }

  @Test("a filter that sends nothing opens no stream, and one that Envoy cannot use runs nothing")
  func configuration() async throws {
    let silent = EnvoyFilter { ($0.requestHeaderMode, $0.responseHeaderMode) = (.skip, .skip) }
    let exchange = try await silent.exchange(HTTPRequest("POST", body: "a")) { _ in
      throw GRPCStatus(.unavailable, "nobody is to come")
    }
    #expect(exchange.upstreamRequest?.text == "a")
    await #expect(throws: InvalidEnvoyFilter.self) {
      try await EnvoyFilter { $0.requestBodyMode = .grpc }.exchange(HTTPRequest(), with: CalloutServer())
    }
    await #expect(throws: InvalidEnvoyFilter.self) {
      try await EnvoyFilter { $0.requestBodyMode = .fullDuplexStreamed }.exchange(HTTPRequest(), with: CalloutServer())
    }
  }

  @Test("a callout that cannot be reached is a 500, and what the upstream throws comes out")
  func errors() async throws {
    let failure = await #expect(throws: ExchangeFailure.self) {
      try await EnvoyFilter().exchange(HTTPRequest()) { _ in throw GRPCStatus(.unavailable, "down") }
    }
    #expect(failure?.status == 500)
    await #expect(throws: CancellationError.self) {
      try await EnvoyFilter().exchange(HTTPRequest(), with: CalloutServer()) { _ in throw CancellationError() }
    }
  }
}
