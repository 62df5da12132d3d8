// SPDX-License-Identifier: Apache-2.0
internal import CEnvoyABI
internal import SwiftProtobuf

/// One of Envoy's attributes that a module can ask for.
struct Attribute: Sendable {
  let name: String
  private let number: Int32
  private let type: ValueType

  private enum ValueType { case string, number, bool }

  /// Throws a `ModuleError` where Envoy has no such attribute for a module.
  init(_ name: String) throws {
    guard let (number, type) = Self.known[name] else {
      let known = Self.known.keys.sorted().joined(separator: ", ")
      throw ModuleError("Envoy gives a module no attribute '\(name)', but only \(known)")
    }
    self.name = name
    self.number = number
    self.type = type
  }

  /// The attribute's value of a stream, or nil where it has none.
  func value(_ envoy: EnvoyStream) -> Google_Protobuf_Value? {
    switch type {
    case .string:
      var bytes = EnvoyBytes()
      let isThere = envoy_dynamic_module_callback_http_filter_get_attribute_string(envoy.pointer, number, &bytes)
      return isThere ? Google_Protobuf_Value(stringValue: String(bytes)) : nil
    case .number:
      var value: UInt64 = 0
      let isThere = envoy_dynamic_module_callback_http_filter_get_attribute_int(envoy.pointer, number, &value)
      return isThere ? Google_Protobuf_Value(numberValue: Double(value)) : nil
    case .bool:
      var value = false
      let isThere = envoy_dynamic_module_callback_http_filter_get_attribute_bool(envoy.pointer, number, &value)
      return isThere ? Google_Protobuf_Value(boolValue: value) : nil
    }
  }

  /// By name, the numbers that Envoy has for them.
  private static let known: [String: (Int32, ValueType)] = [
    "request.path": (0, .string), "request.url_path": (1, .string), "request.host": (2, .string),
    "request.scheme": (3, .string), "request.method": (4, .string), "request.referer": (6, .string),
    "request.useragent": (7, .string), "request.id": (9, .string), "request.protocol": (10, .string),
    "request.query": (11, .string), "response.code": (15, .number), "response.code_details": (16, .string),
    "source.address": (24, .string), "source.port": (25, .number), "destination.address": (26, .string),
    "destination.port": (27, .number), "connection.id": (28, .number), "connection.mtls": (29, .bool),
    "connection.requested_server_name": (30, .string), "connection.tls_version": (31, .string),
    "connection.subject_local_certificate": (32, .string), "connection.subject_peer_certificate": (33, .string),
    "connection.dns_san_local_certificate": (34, .string), "connection.dns_san_peer_certificate": (35, .string),
    "connection.uri_san_local_certificate": (36, .string), "connection.uri_san_peer_certificate": (37, .string),
    "connection.sha256_peer_certificate_digest": (38, .string), "upstream.address": (41, .string),
    "upstream.port": (42, .number), "xds.route_name": (61, .string),
  ]
}

extension [Attribute] {
  /// Their values, or nil where nobody asks for any.
  func values(_ envoy: EnvoyStream) -> Google_Protobuf_Struct? {
    guard !isEmpty else { return nil }
    var values = Google_Protobuf_Struct()
    for attribute in self { values.fields[attribute.name] = attribute.value(envoy) }
    return values
  }
}
