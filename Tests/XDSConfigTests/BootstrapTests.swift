// SPDX-License-Identifier: Apache-2.0
import Testing
import XDSConfig

@Suite("YAML for Envoy") struct BootstrapTests {
  @Test("a bootstrap for xDS") func xds() throws {
    var bootstrap = XDSBootstrap(node: .init(id: "proxy-1", cluster: "proxies"), server: .init("127.0.0.1", 18_000))
    bootstrap.admin = .init("127.0.0.1", 9_901)
    #expect(
      try bootstrap.yaml() == """
        node:
          id: proxy-1
          cluster: proxies
        static_resources:
          clusters:
          - name: xds_cluster
            type: STATIC
            connect_timeout: 1s
            lb_policy: LEAST_REQUEST
            load_assignment:
              cluster_name: xds_cluster
              endpoints:
              - lb_endpoints:
                - endpoint:
                    address:
                      socket_address:
                        address: "127.0.0.1"
                        port_value: 18000
            typed_extension_protocol_options:
              envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                explicit_http_config:
                  http2_protocol_options:
                    initial_stream_window_size: 1048576
                    initial_connection_window_size: 16777216
                    connection_keepalive:
                      interval: 30s
                      timeout: 5s
        dynamic_resources:
          lds_config:
            ads: {}
            resource_api_version: V3
          cds_config:
            ads: {}
            resource_api_version: V3
          ads_config:
            api_type: DELTA_GRPC
            grpc_services:
            - envoy_grpc:
                cluster_name: xds_cluster
            set_node_on_first_message_only: true
            transport_api_version: V3
        admin:
          address:
            socket_address:
              address: "127.0.0.1"
              port_value: 9901

        """)
    bootstrap.transport = .stateOfTheWorld
    #expect(try bootstrap.yaml().contains("api_type: GRPC\n"))
  }

  @Test("a file has everything in it: nothing is asked for") func file() throws {
    let proxy = try ProxyConfiguration(yaml: Examples.documented(), ownCallouts: [addHeader, noTelnet])
    let yaml = try proxy.staticBootstrap()
    for source in ["ads:", "rds:", "config_discovery", "sds_config", "eds_config"] { #expect(!yaml.contains(source)) }
    for part in ["route_config:", "filename: /etc/envoy/web.key", "prefix_rewrite: /", "exact: \"2\""] {
      #expect(yaml.contains(part), "\(part)")
    }
  }

  @Test("PEM is a block of lines, and a word that YAML takes for something else has quotes") func texts() throws {
    var proxy = Examples.small
    proxy.upstreams[0].tls = ClientTLS(serverName: "yes", authorities: .inline("-----BEGIN\nEND\n"))
    let yaml = try proxy.staticBootstrap()
    #expect(yaml.contains("inline_string: |\n"))
    #expect(yaml.contains("sni: \"yes\""))
  }
}
