// SPDX-License-Identifier: Apache-2.0
import CalloutJSON

extension EnvoyConfiguration {
  /// A filter that says that HTTP/3 is to be had on the same port, where it is: what a route adds to responses is not for
  /// those of applications, which no router sees.
  var alternativeService: [JSONValue] {
    guard let tls else { return [] }
    let header: JSONValue = ["key": "alt-svc", "value": .string("h3=\":\(tls.port)\"; ma=86400")]
    var mutation = typed("envoy.extensions.filters.http.header_mutation.v3.HeaderMutation")
    mutation["mutations"] = [
      "response_mutations": [["append": ["header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"]]]
    ]
    return [["name": "envoy.filters.http.header_mutation", "typed_config": mutation]]
  }
}

extension EnvoyConfiguration.TLS {
  var transportSocket: JSONValue {
    var context = typed("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext")
    setUp(&context, protocols: ["h2", "http/1.1"])
    return ["name": "envoy.transport_sockets.tls", "typed_config": context]
  }

  var quicTransportSocket: JSONValue {
    var context: JSONValue = [:]
    setUp(&context, protocols: ["h3"])
    var quic = typed("envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport")
    quic["downstream_tls_context"] = context
    return ["name": "envoy.transport_sockets.quic", "typed_config": quic]
  }

  private func setUp(_ context: inout JSONValue, protocols: [String]) {
    var common: JSONValue = [
      "alpn_protocols": .array(protocols.map { .string($0) }),
      "tls_certificates": [
        [
          "certificate_chain": ["filename": .string(files.certificate)],
          "private_key": ["filename": .string(files.privateKey)],
        ]
      ],
    ]
    if let clientAuthorities {
      common["validation_context"] = ["trusted_ca": ["filename": .string(clientAuthorities)]]
      context["require_client_certificate"] = true
    }
    context["common_tls_context"] = common
  }
}
