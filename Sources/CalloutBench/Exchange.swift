// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import EnvoyAPI
import NIOCore
import SwiftProtobuf

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

typealias ProcessingRequestMessage = Envoy_Service_ExtProc_V3_ProcessingRequest
typealias ProcessingResponseMessage = Envoy_Service_ExtProc_V3_ProcessingResponse

/// How bodies are sent, by the names of Envoy's modes.
enum BodyMode: String, CaseIterable, ExpressibleByArgument, Sendable {
  case buffered, streamed
  case fullDuplex = "full-duplex"
}

/// What is sent on one stream, step by step: each begins when the one before was answered.
struct Exchange: Sendable {
  enum Step: Sendable {
    /// One message, answered once.
    case message(ByteBuffer)
    case body(Body)
  }

  /// A body in pieces.
  struct Body: Sendable {
    var mode: BodyMode
    /// All pieces but the last one.
    var piece: ByteBuffer
    var last: ByteBuffer
    var count: Int
    /// Bytes of the body.
    var length: Int
  }

  /// The bodies of an exchange; a length of 0 is none.
  struct Bodies: Sendable {
    var mode = BodyMode.streamed
    var request = 0
    var response = 0
    var chunk = 65_536
  }

  private(set) var steps: [Step] = []
  /// Bytes of body in one exchange.
  private(set) var bodyLength = 0
  private(set) var messages = 0

  init(messages: [[UInt8]]) {
    for message in messages { append(.message(ByteBuffer(bytes: message))) }
  }

  init(headers: [(name: String, value: String)] = [], requestOnly: Bool = false, bodies: Bodies = Bodies()) throws {
    let request = Self.usualRequest.filter { usual in !headers.contains { $0.name == usual.name } } + headers
    let mode = bodies.mode.sendMode
    var first = ProcessingRequestMessage.with {
      $0.requestHeaders = Self.headers(request, endOfStream: bodies.request == 0)
      $0.protocolConfig.requestBodyMode = bodies.request > 0 ? mode : .none
      $0.protocolConfig.responseBodyMode = bodies.response > 0 ? mode : .none
    }
    first.metadataContext = .init()
    append(.message(try Self.bytes(first)))
    try append(bodies, length: bodies.request) { $0.requestBody = $1 }
    guard !requestOnly else { return }
    let response = ProcessingRequestMessage.with {
      $0.responseHeaders = Self.headers(Self.usualResponse, endOfStream: bodies.response == 0)
    }
    append(.message(try Self.bytes(response)))
    try append(bodies, length: bodies.response) { $0.responseBody = $1 }
  }

  private mutating func append(_ step: Step) {
    steps.append(step)
    switch step {
    case .message: messages += 1
    case .body(let body):
      messages += body.count
      bodyLength += body.length
    }
  }

  private mutating func append(
    _ bodies: Bodies, length: Int, _ set: (inout ProcessingRequestMessage, Envoy_Service_ExtProc_V3_HttpBody) -> Void
  ) throws {
    guard length > 0 else { return }
    let chunk = bodies.mode == .buffered ? length : min(length, bodies.chunk)
    let count = (length + chunk - 1) / chunk
    func piece(_ length: Int, isLast: Bool) throws -> ByteBuffer {
      var message = ProcessingRequestMessage()
      set(
        &message,
        .with {
          $0.body = Data(repeating: UInt8(ascii: "x"), count: length)
          $0.endOfStream = isLast
        })
      return try Self.bytes(message)
    }
    append(
      .body(
        Body(
          mode: bodies.mode, piece: try piece(chunk, isLast: false),
          last: try piece(length - (count - 1) * chunk, isLast: true), count: count, length: length)))
  }

  private static func bytes(_ message: ProcessingRequestMessage) throws -> ByteBuffer {
    ByteBuffer(bytes: try message.serializedBytes() as [UInt8])
  }

  private static func headers(
    _ headers: [(name: String, value: String)], endOfStream: Bool
  ) -> Envoy_Service_ExtProc_V3_HttpHeaders {
    .with {
      $0.headers.headers = headers.map { name, value in
        .with {
          $0.key = name
          $0.rawValue = Data(value.utf8)
        }
      }
      $0.endOfStream = endOfStream
    }
  }

  private static let usualRequest = [
    (name: ":method", value: "GET"), (name: ":path", value: "/"), (name: ":scheme", value: "https"),
    (name: ":authority", value: "example.com"), (name: "user-agent", value: "callout-bench"),
    (name: "accept", value: "*/*"), (name: "x-forwarded-proto", value: "https"),
    (name: "x-request-id", value: "1f0a86a0-9d4e-4a44-8d7c-3c7f0a2f5a11"),
  ]
  private static let usualResponse = [
    (name: ":status", value: "200"), (name: "content-type", value: "text/plain"),
    (name: "server", value: "envoy"), (name: "date", value: "Sat, 01 Jan 2022 00:00:00 GMT"),
  ]
}

extension BodyMode {
  fileprivate var sendMode: Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode.BodySendMode {
    switch self {
    case .buffered: .buffered
    case .streamed: .streamed
    case .fullDuplex: .fullDuplexStreamed
    }
  }
}
