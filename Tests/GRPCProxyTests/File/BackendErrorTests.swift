// SPDX-License-Identifier: Apache-2.0
import Testing

@Suite("Errors in a gRPC proxy's file: backends") struct BackendErrorTests {
  /// A key of a backend on line 4, and the beginning of the error.
  @Test(
    "backends",
    arguments: [
      ("balancer: any", "4: unknown key 'balancer' in a backend: one of name, endpoints, balancing"),
      ("balancing: random", "4: 'balancing' of a backend is 'random': one of round_robin, least_request"),
      ("authority: http://a", "4: 'authority' of a backend is 'http://a': a host, as api.example.com"),
      ("resolution_interval: 5", "4: 'resolution_interval' of a backend is '5': a time with its unit"),
      ("resolution_interval: 0s", "4: 'resolution_interval' of a backend is '0s': a time over 0"),
      ("connect_timeout: 0ms", "4: 'connect_timeout' of a backend is '0ms': a time over 0"),
      ("idle_time: none", "4: 'idle_time' of a backend is 'none': a time with its unit"),
      ("max_connections: 0", "4: 'max_connections' of a backend is '0': a number from 1 to 65535"),
      ("keepalive: 5m", "4: 'keepalive' of a backend has to be a mapping"),
      ("keepalive: { timeout: 5s }", "4: keepalive has no 'interval'; give it one"),
      ("keepalive:\n    interval: 0s", "5: 'interval' of keepalive is '0s': a time over 0"),
      ("keepalive: { interval: 1s, timeout: x }", "4: 'timeout' of keepalive is 'x': a time with its unit"),
      ("keepalive: { interval: 1s, without_calls: 1 }", "4: 'without_calls' of keepalive is '1': true or false"),
      ("keepalive: { interval: 1s, every: 1s }", "4: unknown key 'every' in keepalive: one of interval"),
      ("health_check: tcp", "4: 'health_check' of a backend has to be a mapping"),
      ("health_check: { http: / }", "4: unknown key 'http' in a health check: one of service"),
      ("health_check: { interval: 0s }", "4: 'interval' of a health check is '0s': a time over 0"),
      ("health_check: { timeout: 0s }", "4: 'timeout' of a health check is '0s': a time over 0"),
      ("health_check: { healthy_threshold: 0 }", "4: 'healthy_threshold' of a health check is '0': a number from 1"),
      (
        "health_check: { unhealthy_threshold: a }", "4: 'unhealthy_threshold' of a health check is 'a': a number from 1"
      ),
      ("outlier_detection: off", "4: 'outlier_detection' of a backend has to be a mapping"),
      ("outlier_detection: { failures: 1 }", "4: unknown key 'failures' in outlier detection: one of consecutive"),
      (
        "outlier_detection: { consecutive_failures: 0 }",
        "4: 'consecutive_failures' of outlier detection is '0': a number from 1"
      ),
      ("outlier_detection: { ejection_time: 0s }", "4: 'ejection_time' of outlier detection is '0s': a time over 0"),
      ("outlier_detection: { ejection_time: 10m }", "4: 'ejection_time' (600.0 seconds) is over 'max_ejection_time'"),
      (
        "outlier_detection:\n    ejection_time: 2s\n    max_ejection_time: 1s",
        "6: 'ejection_time' (2.0 seconds) is over 'max_ejection_time' (1.0 seconds); raise"
      ),
      ("name: a", "2: the key 'name' is there twice; keep one"),
    ])
  func backend(text: String, error: String) {
    expectError(error, in: "backends:\n- name: a\n  endpoints: 'h:1'\n  \(text)\nroutes: { backend: a }")
  }

  @Test(
    "backends and their endpoints",
    arguments: [
      ("- endpoints: 'h:1'", "3: a backend has no 'name'; give it one"),
      ("- name: ''\n  endpoints: 'h:1'", "3: 'name' of a backend is empty; give it a value"),
      ("- name: a", "3: a backend has no 'endpoints'; give it one"),
      ("- a", "3: 'backends' of the file has to be a map"),
      ("- name: a\n  endpoints: []", "4: 'endpoints' of a backend are none; give one"),
      ("- name: a\n  endpoints: h", "4: 'endpoints' of a backend is 'h': host:port, [IPv6]:port or unix:/path"),
      ("- name: a\n  endpoints: 'h:0'", "4: 'endpoints' of a backend is 'h:0': host:port"),
      ("- name: a\n  endpoints: 'h/a:1'", "4: 'endpoints' of a backend is 'h/a:1': host:port"),
      ("- name: a\n  endpoints:\n  - 'h:1'\n  - 'h:1'", "6: the endpoint 'h:1' is there twice; keep one"),
      ("- name: a\n  endpoints: { host: h }", "4: unknown key 'host' in an endpoint: one of address, authority, tls"),
      ("- name: a\n  endpoints: { tls: true }", "4: an endpoint has no 'address'; give it one"),
      ("- name: a\n  endpoints: { address: h }", "4: 'address' of an endpoint is 'h': host:port"),
      ("- name: a\n  endpoints: { address: 'h:1', authority: '' }", "4: 'authority' of an endpoint is '': a host"),
      ("- name: a\n  endpoints: { address: 'h:1', tls: 1 }", "4: 'tls' of an endpoint has to be a mapping"),
      ("- { name: a, endpoints: 'h:1' }\n- { name: a, endpoints: 'h:2' }", "4: there are two backends 'a'; rename one"),
    ])
  func backends(text: String, error: String) { expectError(error, in: "routes: []\nbackends:\n\(text)\n") }

  @Test(
    "TLS",
    arguments: [
      ("sni: a", "5: unknown key 'sni' in TLS: one of ca, server_name"),
      ("server_name: ''", "5: 'server_name' of TLS is empty; give it a value"),
      ("subject_alt_names: [a, '']", "5: 'subject_alt_names' of TLS is empty; give it a value"),
      ("insecure: maybe", "5: 'insecure' of TLS is 'maybe': true or false"),
      ("insecure: true\n    ca: ca.pem", "6: TLS with 'insecure' looks at no certificate; leave 'ca' out"),
      (
        "insecure: true\n    subject_alt_names: a",
        "6: TLS with 'insecure' looks at no certificate; leave 'subject_alt_names' out"
      ),
      ("certificate: proxy.pem", "5: TLS has 'certificate' without 'private_key'; give both"),
      ("private_key: proxy.key", "5: TLS has 'private_key' without 'certificate'; give both"),
      ("ca: none.pem", "5: 'ca' of TLS: '"), ("ca: [ca.pem]\n    server_name: a", "5: 'ca' of TLS has to be a text"),
      ("ca: proxy.key", "5: 'ca' of TLS has no certificate; give one or more, PEM"),
      ("certificate: proxy.key\n    private_key: proxy.key", "5: 'certificate' of TLS cannot be used: "),
      ("certificate: proxy.pem\n    private_key: proxy.pem", "6: 'private_key' of TLS has no unencrypted key; give"),
      ("certificate: ca.pem\n    private_key: proxy.key", "6: 'private_key' of TLS does not belong to 'certificate'"),
    ])
  func tls(text: String, error: String) throws {
    try ProxyFolder.with { folder in
      let text = "backends:\n- name: a\n  endpoints: 'h:1'\n  tls:\n    \(text)\nroutes: { backend: a }"
      expectError(error, in: text, at: folder.path("proxy.yaml"))
    }
  }
}
