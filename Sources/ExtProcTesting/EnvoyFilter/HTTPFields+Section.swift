// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import NIOCore
internal import SwiftProtobuf

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

// Header sections as Envoy keeps them: names in lower case, pseudo-headers among them, `host` as `:authority`.

extension HTTPFields {
  func contains(_ name: String) -> Bool { all.contains { $0.name == name } }

  /// Replaces all values, or adds the field.
  mutating func set(_ name: String, _ value: String) {
    guard let index = all.firstIndex(where: { $0.name == name }) else { return add(name, value) }
    all[index].value = value
    while let next = all.lastIndex(where: { $0.name == name }), next > index { all.remove(at: next) }
  }

  mutating func remove(_ name: String) { all.removeAll { $0.name == name } }

  /// The bytes that Envoy counts against its limit.
  var byteCount: Int { all.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count } }

  var message: Envoy_Config_Core_V3_HeaderMap {
    .with { map in
      map.headers = all.map { field in
        .with {
          $0.key = field.name
          $0.rawValue = Data(field.value.utf8)
        }
      }
    }
  }

  /// The fields of a message in lower case, without those that belong to one connection.
  private init(section fields: HTTPFields, length: Int?) {
    self = [:]
    for field in fields.all where !Self.connectionFields.contains(field.name.lowercased()) {
      add(field.name.lowercased(), field.value)
    }
    if let length { set("content-length", "\(length)") }
  }

  private static let connectionFields: Set = [
    "host", "connection", "content-length", "keep-alive", "proxy-connection", "transfer-encoding",
  ]

  fileprivate var regular: HTTPFields {
    var fields = self
    fields.all.removeAll { $0.name.hasPrefix(":") }
    return fields
  }

  init(section request: HTTPRequest) {
    let hasLength = !request.isChunked && request.trailers.all.isEmpty && request.body.readableBytes > 0
    let fields = HTTPFields(section: request.fields, length: hasLength ? request.body.readableBytes : nil)
    self = [
      ":authority": request.fields["host"] ?? "test.example", ":path": request.path, ":method": request.method,
      ":scheme": "http",
    ]
    all += fields.all
  }

  init(section response: HTTPResponse) {
    let hasLength = !response.isChunked && response.trailers.all.isEmpty && ![204, 304].contains(response.status)
    self = [":status": "\(response.status)"]
    all += HTTPFields(section: response.fields, length: hasLength ? response.body.readableBytes : nil).all
  }
}

extension HTTPRequest {
  init(section: HTTPFields, body: ByteBuffer, hasBody: Bool, trailers: HTTPFields) {
    self.init(section[":method"] ?? "", section[":path"] ?? "")
    fields = ["host": section[":authority"] ?? ""]
    fields.all += section.regular.all
    self.body = body
    isChunked = hasBody && !section.contains("content-length")
    self.trailers = trailers
  }

  /// The body as text.
  public var text: String { String(buffer: body) }
}

extension HTTPResponse {
  init(section: HTTPFields, body: ByteBuffer, hasBody: Bool, trailers: HTTPFields) {
    self.init(status: section[":status"].flatMap { Int($0) } ?? 0, fields: section.regular)
    self.body = body
    isChunked = hasBody && !section.contains("content-length")
    self.trailers = trailers
  }
}
