// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import ExtProcTesting
import SwiftProtobuf

/// What replies are expected to be, whole.
enum Expected {
  static func setting(_ name: String, _ value: String) -> Envoy_Config_Core_V3_HeaderValueOption {
    .with {
      $0.header.key = name
      $0.header.rawValue = .init(value.utf8)
      $0.appendAction = .overwriteIfExistsOrAdd
    }
  }

  /// What lets headers pass as they are.
  static let passingRequestHeaders = ProcessingResponseMessage.with { $0.requestHeaders = .init() }
  static let passingResponseHeaders = ProcessingResponseMessage.with { $0.responseHeaders = .init() }

  static func requestHeaders(
    _ settings: KeyValuePairs<String, String>, remove: [String] = [], clearRouteCache: Bool = false
  ) -> ProcessingResponseMessage {
    .with { $0.requestHeaders = headers(settings, remove, clearRouteCache) }
  }

  static func responseHeaders(
    _ settings: KeyValuePairs<String, String>, remove: [String] = []
  ) -> ProcessingResponseMessage {
    .with { $0.responseHeaders = headers(settings, remove, false) }
  }

  static func requestBody(_ text: String) -> ProcessingResponseMessage {
    .with { $0.requestBody.response.bodyMutation.body = .init(text.utf8) }
  }

  static func responseBody(_ text: String) -> ProcessingResponseMessage {
    .with { $0.responseBody.response.bodyMutation.body = .init(text.utf8) }
  }

  private static func headers(
    _ settings: KeyValuePairs<String, String>, _ remove: [String], _ clearRouteCache: Bool
  ) -> Envoy_Service_ExtProc_V3_HeadersResponse {
    .with {
      $0.response.headerMutation.setHeaders = settings.map { setting($0, $1) }
      $0.response.headerMutation.removeHeaders = remove
      $0.response.clearRouteCache_p = clearRouteCache
    }
  }
}
