// SPDX-License-Identifier: Apache-2.0
public import EnvoyAPI
public import ExtAuthz
public import SwiftProtobuf

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

// What Envoy's ext_authz filter sends, as values to send in a test:
//
//     .check("POST", "/path", headers: ["x-forwarded-for": "10.0.0.1"]).withBody("hello")

extension CheckRequestMessage {
  /// Makes a message about a request, with its headers as Envoy sends them by default: those of one name joined, in a map.
  public static func check(
    _ method: String = "GET", _ path: String = "/", headers: KeyValuePairs<String, String> = [:]
  ) -> Self {
    var fields = HTTPFields(request: method, path)
    for (name, value) in headers { fields.add(name, value) }
    return with {
      $0.attributes.source = .mock("127.0.0.1", 50_000)
      $0.attributes.destination = .mock("127.0.0.1", 80)
      $0.attributes.request.http = .mock(fields)
      $0.attributes.request.http.headers = fields.joined
    }
  }

  /// The same message from a filter with `encode_raw_headers`: with these headers as they came, and no others.
  public func withRawHeaders(_ headers: KeyValuePairs<String, [UInt8]>) -> Self {
    changed {
      $0.attributes.request.http.headers = [:]
      $0.attributes.request.http.headerMap.headers = headers.map { name, value in
        .with { ($0.key, $0.rawValue) = (name, Data(value)) }
      }
    }
  }

  /// The same message from a filter with `with_request_body`.
  public func withBody(_ body: String) -> Self {
    changed {
      $0.attributes.request.http.body = body
      $0.attributes.request.http.size = Int64(body.utf8.count)
    }
  }

  /// The same message from a filter with `with_request_body` and `pack_as_bytes`.
  public func withBody(bytes: [UInt8]) -> Self {
    changed {
      $0.attributes.request.http.rawBody = Data(bytes)
      $0.attributes.request.http.size = Int64(bytes.count)
    }
  }

  /// The same message about a request from another address.
  public func withSource(_ address: String, port: Int = 50_000) -> Self {
    changed { $0.attributes.source.address = .mock(address, port) }
  }

  /// The same message with what the route's configuration adds.
  public func withContextExtensions(_ extensions: [String: String]) -> Self {
    changed { $0.attributes.contextExtensions = extensions }
  }

  /// The same message with dynamic metadata under a namespace.
  public func withMetadata(_ metadata: [String: Google_Protobuf_Value], in namespace: String) -> Self {
    changed { $0.attributes.metadataContext.filterMetadata[namespace, default: .init()].fields.merge(metadata) { $1 } }
  }

  private func changed(_ change: (inout Self) -> Void) -> Self {
    var message = self
    change(&message)
    return message
  }
}

extension HTTPFields {
  /// The pseudo-headers of a request.
  fileprivate init(request method: String, _ path: String) {
    self = [":authority": "test.example", ":method": method, ":path": path, ":scheme": "http"]
  }

  /// The fields by name in lower case, the values of one name joined by commas.
  var joined: [String: String] {
    all.reduce(into: [:]) { joined, field in
      let name = field.name.lowercased()
      joined[name] = joined[name].map { $0 + "," + field.value } ?? field.value
    }
  }
}

extension Envoy_Service_Auth_V3_AttributeContext.HttpRequest {
  /// All but the headers and the body of a request.
  static func mock(_ section: HTTPFields) -> Self {
    with {
      $0.id = "1"
      $0.method = section[":method"] ?? ""
      $0.path = section[":path"] ?? ""
      $0.host = section[":authority"] ?? ""
      $0.scheme = section[":scheme"] ?? ""
      $0.protocol = "HTTP/1.1"
    }
  }
}

extension Envoy_Service_Auth_V3_AttributeContext.Peer {
  fileprivate static func mock(_ address: String, _ port: Int) -> Self {
    with { $0.address = .mock(address, port) }
  }
}

extension Envoy_Config_Core_V3_Address {
  fileprivate static func mock(_ address: String, _ port: Int) -> Self {
    with { ($0.socketAddress.address, $0.socketAddress.portValue) = (address, UInt32(port)) }
  }
}
