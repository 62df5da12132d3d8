// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes

extension HTTPRequest {
  /// The request of a stream, or nil where its method is none.
  init?(_ envoy: EnvoyStream) {
    guard let method = envoy.header(":method", .requestHeaders).flatMap(Method.init(rawValue:)) else { return nil }
    self.init(
      method: method, scheme: envoy.header(":scheme", .requestHeaders),
      authority: envoy.header(":authority", .requestHeaders), path: envoy.header(":path", .requestHeaders),
      headerFields: HTTPFields(envoy, .requestHeaders))
  }
}

extension HTTPFields {
  /// Headers without those that begin with a colon.
  init(_ envoy: EnvoyStream, _ kind: HeaderKind) {
    self.init()
    envoy.withHeaders(kind) { headers in
      for header in headers {
        guard let name = HTTPField.Name(String(decoding: header.name, as: UTF8.self)) else { continue }
        append(HTTPField(name: name, value: String(decoding: header.value, as: UTF8.self)))
      }
    }
  }

  var answerHeaders: AnswerHeaders { map { ($0.name.canonicalName, Array($0.value.utf8)) } }
}
