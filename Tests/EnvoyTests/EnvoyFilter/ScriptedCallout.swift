// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import Foundation
import Logging
import NIOCore
import SwiftProtobuf
import Synchronization

/// What a scripted callout does with a message, right or wrong.
enum Act: Sendable {
  case reply(ProcessingResponseMessage)
  case end(GRPCStatus)
}

typealias TrialScript = @Sendable (ProcessingRequestMessage) -> [Act]

/// Serves a callout that does what a script says and checks nothing.
///
/// The script may be another for each stream.
func withScriptedCallout<Result>(
  _ current: @escaping @Sendable () -> TrialScript, _ body: (RunningServer) async throws -> Result
) async throws -> Result {
  let method = GRPCMethod("Process") { requests, responses, _ in
    let script = current()
    for try await bytes in requests {
      for act in script(try ProcessingRequestMessage(serializedBytes: Array(buffer: bytes))) {
        switch act {
        case .reply(let reply): try await responses.send(reply)
        case .end(let status):
          if status.code == .ok { return }
          throw status
        }
      }
    }
  }
  let service = GRPCService("envoy.service.ext_proc.v3.ExternalProcessor", methods: [method])
  var configuration = ServerConfiguration.loopback
  configuration.disableTLS = true
  let logger = Logger(label: "scripted", factory: { _ in SwiftLogNoOpLogHandler() })
  return try await withRunningServer(
    CalloutService([service], configuration: configuration, logger: logger), body)
}

typealias Common = Envoy_Service_ExtProc_V3_CommonResponse
typealias Mutation = Envoy_Service_ExtProc_V3_HeaderMutation

/// Replies that change nothing, each in the form that the mode needs.
func pass(_ message: ProcessingRequestMessage, duplex: Bool = false) -> ProcessingResponseMessage {
  switch message.request {
  case .requestBody(let body) where duplex: .requestBody(.streamed(body.body, body.endOfStream))
  case .responseBody(let body) where duplex: .responseBody(.streamed(body.body, body.endOfStream))
  case .requestHeaders: .requestHeaders(.init())
  case .responseHeaders: .responseHeaders(.init())
  case .requestBody: .requestBody(.init())
  case .responseBody: .responseBody(.init())
  case .requestTrailers: .with { $0.requestTrailers = .init() }
  case .responseTrailers: .with { $0.responseTrailers = .init() }
  case nil: .init()
  }
}

extension Act {
  static func pass(_ message: ProcessingRequestMessage, duplex: Bool = false) -> [Act] {
    [.reply(EnvoyTests.pass(message, duplex: duplex))]
  }
}

extension ProcessingResponseMessage {
  static func requestHeaders(_ common: Common) -> Self { with { $0.requestHeaders.response = common } }
  static func responseHeaders(_ common: Common) -> Self { with { $0.responseHeaders.response = common } }
  static func requestBody(_ common: Common) -> Self { with { $0.requestBody.response = common } }
  static func responseBody(_ common: Common) -> Self { with { $0.responseBody.response = common } }

  static func immediate(_ status: Int, _ body: String = "", details: String = "") -> Self {
    with {
      $0.immediateResponse.status.code = .init(rawValue: status) ?? .UNRECOGNIZED(status)
      $0.immediateResponse.body = Data(body.utf8)
      $0.immediateResponse.details = details
    }
  }

  func with(_ change: (inout Self) -> Void) -> Self {
    var copy = self
    change(&copy)
    return copy
  }
}

extension Common {
  static func body(_ text: String, set: KeyValuePairs<String, String> = [:]) -> Common {
    with {
      $0.bodyMutation.body = Data(text.utf8)
      if !set.isEmpty { $0.headerMutation = .of(set: set) }
    }
  }
  static func streamed(_ bytes: Data, _ isLast: Bool) -> Common {
    with {
      $0.bodyMutation.streamedResponse.body = bytes
      $0.bodyMutation.streamedResponse.endOfStream = isLast
    }
  }
  static func streamed(_ text: String, _ isLast: Bool) -> Common { streamed(Data(text.utf8), isLast) }
  static func headers(set: KeyValuePairs<String, String> = [:], remove: [String] = []) -> Common {
    with { $0.headerMutation = .of(set: set, remove: remove) }
  }
}

extension Mutation {
  static func of(set: KeyValuePairs<String, String> = [:], remove: [String] = []) -> Mutation {
    with {
      $0.setHeaders = set.map { name, value in
        .with {
          $0.header.key = name
          $0.header.rawValue = Data(value.utf8)
        }
      }
      $0.removeHeaders = remove
    }
  }
}

/// A value that several tasks read while one changes it.
final class Shared<Value: Sendable>: Sendable {
  private let state: Mutex<Value>

  init(_ value: Value) { state = Mutex(value) }

  var value: Value {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}
