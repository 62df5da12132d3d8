// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import ExtProcTesting
import Foundation
import SwiftProtobuf

typealias CommonResponse = Envoy_Service_ExtProc_V3_CommonResponse

// Replies of a scripted server, in few words.
extension ProcessingResponseMessage {
  static func requestHeaders(_ change: (inout CommonResponse) -> Void = { _ in }) -> Self {
    with {
      $0.requestHeaders = .init()
      change(&$0.requestHeaders.response)
    }
  }

  static func responseHeaders(_ change: (inout CommonResponse) -> Void = { _ in }) -> Self {
    with {
      $0.responseHeaders = .init()
      change(&$0.responseHeaders.response)
    }
  }

  static func requestBody(_ change: (inout CommonResponse) -> Void = { _ in }) -> Self {
    with {
      $0.requestBody = .init()
      change(&$0.requestBody.response)
    }
  }

  static func responseBody(_ change: (inout CommonResponse) -> Void = { _ in }) -> Self {
    with {
      $0.responseBody = .init()
      change(&$0.responseBody.response)
    }
  }

  /// A piece of the request's body sent back in full duplex.
  static func piece(_ text: String, end: Bool = false) -> Self {
    requestBody {
      $0.bodyMutation.streamedResponse.body = Data(text.utf8)
      $0.bodyMutation.streamedResponse.endOfStream = end
    }
  }

  static func immediate(
    _ status: Int?, body: String = "", details: String = "",
    _ change: (inout Envoy_Service_ExtProc_V3_ImmediateResponse) -> Void = { _ in }
  ) -> Self {
    with {
      if let status {
        $0.immediateResponse.status.code = .init(rawValue: status) ?? .UNRECOGNIZED(status)
      } else {
        $0.immediateResponse = .init()
      }
      $0.immediateResponse.body = Data(body.utf8)
      $0.immediateResponse.details = details
      change(&$0.immediateResponse)
    }
  }

  static func streamed(
    _ change: (inout Envoy_Service_ExtProc_V3_StreamedImmediateResponse) -> Void
  ) -> Self {
    with { change(&$0.streamedImmediateResponse) }
  }

  static func timeout(_ milliseconds: Int32) -> Self {
    with {
      $0.overrideMessageTimeout = .init(seconds: Int64(milliseconds / 1_000), nanos: milliseconds % 1_000 * 1_000_000)
    }
  }

  /// The same reply with something more.
  func and(_ change: (inout Self) -> Void) -> Self {
    var reply = self
    change(&reply)
    return reply
  }
}

extension CommonResponse {
  /// Sets a header in `raw_value`.
  mutating func set(
    _ name: String, _ value: String,
    _ change: (inout Envoy_Config_Core_V3_HeaderValueOption) -> Void = { _ in }
  ) {
    var option = Envoy_Config_Core_V3_HeaderValueOption.with {
      $0.header.key = name
      $0.header.rawValue = Data(value.utf8)
    }
    change(&option)
    headerMutation.setHeaders.append(option)
  }

  mutating func replaceBody(_ text: String) { bodyMutation.body = Data(text.utf8) }
}

extension Envoy_Config_Core_V3_HeaderMap {
  init(_ headers: KeyValuePairs<String, String>) {
    self.init()
    self.headers = headers.map { name, value in
      .with {
        $0.key = name
        $0.rawValue = Data(value.utf8)
      }
    }
  }
}
