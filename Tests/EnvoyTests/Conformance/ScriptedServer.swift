// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutServing
import EnvoyAPI
import ExtProcTesting
import Logging
import NIOCore
import SwiftProtobuf
import Synchronization

/// One ext_proc stream of a server that does what a row of the table says, right or wrong.
struct ScriptedStream {
  private var requests: GRPCRequests.Iterator
  private let responses: GRPCResponses
  private let received: Received

  init(_ requests: GRPCRequests, _ responses: GRPCResponses, _ received: Received) {
    self.requests = requests.makeAsyncIterator()
    self.responses = responses
    self.received = received
  }

  /// Envoy's next message, or nil once it has said that there are no more.
  mutating func next() async throws -> ProcessingRequestMessage? {
    guard let bytes = try await requests.next() else { return nil }
    let message = try ProcessingRequestMessage(serializedBytes: Array(buffer: bytes))
    received.note(message)
    return message
  }

  func send(_ replies: ProcessingResponseMessage...) async throws {
    for reply in replies { try await responses.send(reply) }
  }

  /// Answers nothing more, until Envoy resets the stream.
  mutating func wait() async throws {
    while try await next() != nil {}
    try await Task.sleep(for: .seconds(60))
  }
}

/// What a server does on each stream.
typealias Script = @Sendable (inout ScriptedStream) async throws -> Void

/// Answers each message as `answer` says, and as a server without an opinion where it says nil.
func answering(
  _ answer: @escaping @Sendable (ProcessingRequestMessage) -> [ProcessingResponseMessage]?
) -> Script {
  { stream in
    var modes = Modes()
    while let message = try await stream.next() {
      modes.note(message)
      for reply in answer(message) ?? modes.pass(message) {
        try await stream.send(reply)
        modes.note(reply)
      }
    }
  }
}

extension GRPCService {
  static func scripted(_ script: @escaping Script, noting received: Received) -> GRPCService {
    GRPCService(
      "envoy.service.ext_proc.v3.ExternalProcessor",
      methods: [
        GRPCMethod("Process") { (requests, responses, _) in
          var stream = ScriptedStream(requests, responses, received)
          try await script(&stream)
        }
      ])
  }
}

/// What a scripted server got, of all its streams.
final class Received: Sendable {
  private let messages = Mutex<[ProcessingRequestMessage]>([])
  private let (arrivals, arrived) = AsyncStream.makeStream(of: ProcessingRequestMessage.self)

  func note(_ message: ProcessingRequestMessage) {
    messages.withLock { $0.append(message) }
    arrived.yield(message)
  }

  /// Waits until a response's headers have come, as they will.
  func responseHeaders() async {
    for await message in arrivals { if case .responseHeaders = message.request { return } }
  }

  var all: [ProcessingRequestMessage] { messages.withLock { $0 } }
}

/// The body modes that the proxy told.
private struct Modes {
  private var request = BodySendMode.none
  private var response = BodySendMode.none

  mutating func note(_ message: ProcessingRequestMessage) {
    guard message.hasProtocolConfig else { return }
    request = message.protocolConfig.requestBodyMode
    response = message.protocolConfig.responseBodyMode
  }

  mutating func note(_ reply: ProcessingResponseMessage) {
    // Of the rows that override, the others do not change how a body is answered.
    if reply.modeOverride.requestBodyMode == .fullDuplexStreamed { request = .fullDuplexStreamed }
  }

  /// The answer that changes nothing.
  func pass(_ message: ProcessingRequestMessage) -> [ProcessingResponseMessage] {
    switch message.request {
    case nil: []
    case .requestHeaders: [.requestHeaders()]
    case .responseHeaders: [.responseHeaders()]
    case .requestBody(let body): [.with { $0.requestBody = pass(body, request) }]
    case .responseBody(let body): [.with { $0.responseBody = pass(body, response) }]
    case .requestTrailers: [.with { $0.requestTrailers = .init() }]
    case .responseTrailers: [.with { $0.responseTrailers = .init() }]
    }
  }

  private func pass(
    _ body: Envoy_Service_ExtProc_V3_HttpBody, _ mode: BodySendMode
  ) -> Envoy_Service_ExtProc_V3_BodyResponse {
    guard mode == .fullDuplexStreamed else { return .init() }
    return .with {
      $0.response.bodyMutation.streamedResponse.body = body.body
      $0.response.bodyMutation.streamedResponse.endOfStream = body.endOfStream
    }
  }
}
