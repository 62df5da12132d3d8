// SPDX-License-Identifier: Apache-2.0
import CalloutJSON

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
