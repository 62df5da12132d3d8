// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import NIOCore
import Synchronization
import Testing

/// Writes down which hooks were called.
private class Recording: CalloutServer, @unchecked Sendable {
  let calls = Mutex<[String]>([])

  func note(_ call: String) { calls.withLock { $0.append(call) } }

  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    note("request headers \(headers.path ?? "")")
    return .continue
  }
  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    note("response headers \(headers.status ?? 0)")
    return .continue
  }
  override func onBody(_ body: HTTPBody, direction: Direction, context: CalloutContext) async throws -> BodyReply {
    note("\(direction) body \(body.string)")
    return .continue
  }
  override func onRequestTrailers(_ trailers: HTTPHeaders, context: CalloutContext) async throws -> TrailersReply {
    note("request trailers \(trailers["t"] ?? "")")
    return .continue
  }
  override func onResponseTrailers(_ trailers: HTTPHeaders, context: CalloutContext) async throws -> TrailersReply {
    note("response trailers \(trailers["t"] ?? "")")
    return .continue
  }
  override func onStreamEnd(_ ending: StreamEnding, context: CalloutContext) { note("end \(ending)") }
}

/// Has a hook of its own for one direction's body.
private final class RecordingResponseBody: Recording, @unchecked Sendable {
  override func onResponseBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    note("own response body")
    return .continue
  }
}

/// Throws in its request header hook, under a policy.
private final class Throwing: CalloutServer, @unchecked Sendable {
  struct Failure: Error {}
  private var policy = FailurePolicy.failStream

  convenience init(_ policy: FailurePolicy) {
    self.init()
    self.policy = policy
  }

  override var configuration: Configuration {
    var configuration = Configuration()
    configuration.failurePolicy = PerPhase(policy)
    return configuration
  }
  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    throw Failure()
  }
}

@Suite("CalloutServer")
struct CalloutServerTests {
  private static let exchange: [ProcessingRequestMessage] = [
    .requestHeaders([":path": "/p"]), .requestBody("one"), .requestTrailers(["t": "1"]),
    .responseHeaders([":status": "204"]), .responseBody("two"), .responseTrailers(["t": "2"]),
  ]

  @Test("each part of an exchange comes to its hook, both bodies to onBody too")
  func hooks() async throws {
    let server = Recording()
    let harness = CalloutHarness(server)
    for message in Self.exchange { #expect(try await harness.send(message).count == 1) }
    await harness.end()
    #expect(
      server.calls.withLock { $0 } == [
        "request headers /p", "request body one", "request trailers 1", "response headers 204", "response body two",
        "response trailers 2", "end completed",
      ])
  }

  @Test("a body hook that is overridden takes the place of onBody for its direction")
  func bodyHook() async throws {
    let server = RecordingResponseBody()
    let harness = CalloutHarness(server)
    _ = try await harness.send(.requestBody("one"))
    _ = try await harness.send(.responseBody("two"))
    #expect(server.calls.withLock { $0 } == ["request body one", "own response body"])
  }

  @Test("hooks are called for an observation too, though nothing is answered")
  func observation() async throws {
    let server = Recording()
    let harness = CalloutHarness(server)
    for message in Self.exchange { #expect(try await harness.send(message.inObservabilityMode()).isEmpty) }
    #expect(server.calls.withLock(\.count) == 6)
  }

  @Test("the end is told once")
  func end() async {
    let server = Recording()
    let harness = CalloutHarness(server)
    await harness.end()
    await harness.end()
    #expect(server.calls.withLock { $0 } == ["end cancelled"])
  }

  @Test("a hook that throws ends the stream under the policy failStream")
  func failStream() async throws {
    let harness = CalloutHarness(Throwing(.failStream))
    await #expect(throws: Throwing.Failure.self) { try await harness.send(.requestHeaders([:])) }
    guard case .failed(let error)? = await harness.ending else { return #expect(Bool(false), "not failed") }
    #expect(error is Throwing.Failure)
  }

  @Test("a hook that throws lets its part pass under the policy passThrough, and the stream goes on")
  func passThrough() async throws {
    let harness = CalloutHarness(Throwing(.passThrough))
    #expect(try await harness.reply(to: .requestHeaders([:])) == .requestHeaders(.init()))
    #expect(try await harness.reply(to: .requestTrailers([:])) == .requestTrailers(.init()))
  }

  @Test("a hook that throws answers the client under the policy immediate")
  func immediate() async throws {
    let harness = CalloutHarness(Throwing(.immediate(ImmediateResponse(status: 503, body: "later"))))
    let reply = try await harness.reply(to: .requestHeaders([:]))
    #expect(reply.immediateResponse.status.code.rawValue == 503)
    #expect(reply.immediateResponse.body == .init("later".utf8))
  }

  @Test("a request whose headers are no header map is malformed")
  func malformed() throws {
    let request = try ProcessingRequest(serialized: .init(bytes: Wire.bytes(2, [0x0a])))
    #expect(throws: CalloutError.self) { try request.headers() }
    let body = try ProcessingRequest(serialized: .init(bytes: Wire.bytes(4, [0x0a, 0x05])))
    #expect(throws: CalloutError.self) { try body.body() }
  }
}
