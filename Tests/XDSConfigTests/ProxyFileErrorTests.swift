// SPDX-License-Identifier: Apache-2.0
import Testing
import XDSConfig

@Suite("Errors in proxy.yaml") struct ProxyFileErrorTests {
  private static let before = """
    upstreams:
    - name: api
      endpoints: 10.0.0.1:80
    callouts:
    - name: Audit
      address: 10.0.0.2:80
    listeners:
    - name: web
      address: :80

    """

  /// What comes behind a file that is right so far, and the error without the file's name.
  @Test(
    "a listener and its routes",
    arguments: [
      ("  routes: [{ prefix: /, upstrem: api }]", "10: unknown key 'upstrem' in a route: one of prefix, path, regex"),
      ("  routes: [{ prefix: /, upstream: apy }]", "10: unknown upstream 'apy': one of api"),
      ("  routes:\n  - prefix: /\n    upstreams: { api: 1, apy: 1 }", "12: unknown upstream 'apy': one of api"),
      ("  routes: [{ prefix: /, upstreams: { api: x } }]", "10: 'api' of upstreams is 'x': a number from 0 to 1000000"),
      ("  routes: [{ prefix: /, upstreams: { api: 0 } }]", "10: 'upstreams' has no weight over 0; give one"),
      ("  routes: [{ prefix: / }]", "10: a route has no 'upstream', 'upstreams' or 'respond'; give it one"),
      ("  routes: [{ upstream: api }]", "10: a route has no 'prefix', 'path' or 'regex'; give it one"),
      ("  routes: [{ prefix: /, path: /, upstream: api }]", "10: a route has both 'prefix' and 'path'; keep one"),
      ("  routes: [{ prefix: a, upstream: api }]", "10: 'prefix' of a route is 'a': it begins with /"),
      ("  routes: [{ prefix: [/], upstream: api }]", "10: 'prefix' of a route has to be a text"),
      ("  routes: [api]", "10: 'routes' of an HTTP listener has to be a mapping"),
      (
        "  routes: [{ prefix: /, upstream: api, timeout: 15 }]",
        "10: 'timeout' of a route is '15': a time with its unit"
      ),
      (
        "  routes: [{ regex: /, upstream: api, prefix_rewrite: / }]",
        "10: a route with 'regex' has no prefix to rewrite"
      ),
      (
        "  routes: [{ prefix: /, respond: { status: 99 } }]",
        "10: 'status' of 'respond' is '99': a number from 200 to 599"
      ),
      (
        "  routes: [{ prefix: /, respond: { status: 200 }, timeout: 1s }]",
        "10: a route with 'respond' goes to no upstream"
      ),
      (
        "  routes: [{ prefix: /, upstream: api, headers: { a: { is: b } } }]",
        "10: unknown key 'is' in a header: one of exact"
      ),
      (
        "  routes: [{ prefix: /, upstream: api, callouts: { Audit: true } }]", "10: the listener has no callout 'Audit'"
      ),
      ("  callouts: Nobody\n  routes: []", "10: unknown callout 'Nobody': one of AddHeader, Audit, NoTelnet"),
      (
        "  callouts: NoTelnet\n  routes: []",
        "10: the callout 'NoTelnet' is about connections; it needs a listener with"
      ),
      ("  callouts: [Audit, Audit]\n  routes: []", "10: the callout 'Audit' is there twice; keep one"),
      ("  tls: {}\n  routes: []", "10: 'tls' of an HTTP listener has neither 'certificate' nor 'certificates'"),
      ("  tls: { certificate: a }\n  routes: []", "10: TLS has 'certificate' without 'private_key'; give both"),
      ("  edge: maybe\n  routes: []", "10: 'edge' of an HTTP listener is 'maybe': true or false"),
      ("  access_log: log\n  routes: []", "10: 'access_log' of an HTTP listener is 'log': stdout, or the path"),
      ("  edge: true", "8: an HTTP listener has no 'routes'; give it some, or 'hosts'"),
      ("  upstream: api", "10: unknown key 'upstream' in an HTTP listener: one of name, address"),
      ("  protocol: udp", "10: 'protocol' of a listener is 'udp': one of http, tcp"),
      ("  protocol: tcp", "8: a TCP listener has no 'upstream'; give it one"),
      ("  protocol: tcp\n  upstream: api\n  callouts: Audit", "12: the callout 'Audit' is about HTTP"),
      ("  routes: []\n- name: web\n  address: :81\n  routes: []", "11: there are two listeners 'web'; rename one"),
      ("  routes: []\n- name: b\n  address: '81'", "12: 'address' of an HTTP listener is '81': host:port"),
      ("  routes: []\n  routes: []", "10: the key 'routes' is there twice; keep one"),
      ("  routes: [", "11: it is no YAML: "),
    ])
  func listener(text: String, error: String) { expect(error, in: Self.before + text) }

  @Test(
    "upstreams",
    arguments: [
      ("endpoints: 10.0.0.1", "4: 'endpoints' of an upstream is '10.0.0.1': host:port"),
      ("endpoints: []", "4: 'endpoints' of an upstream are none; give one"),
      ("dns: first", "3: an upstream has no 'endpoints'; give it one"),
      ("endpoints: a:1\n  eds: true", "5: EDS takes addresses, and 'a:1' is a name"),
      ("endpoints: [a:1, b:1]\n  dns: first", "5: 'dns: first' takes one endpoint alone"),
      ("endpoints: a:1\n  http2: 2", "5: 'http2' of an upstream is '2': true or false"),
      ("endpoints: a:1\n  balancing: any", "5: 'balancing' of an upstream is 'any': one of least_request, round_robin"),
      ("endpoints: a:1\n  health_check: {}", "5: a health check has no kind: 'http: /path'"),
      ("endpoints: a:1\n  health_check: { http: a }", "5: 'http' of a health check is 'a': a path that begins with /"),
      ("endpoints: a:1\n  tls: { sni: a }", "5: unknown key 'sni' in TLS: one of server_name, ca"),
    ])
  func upstream(text: String, error: String) {
    expect(error, in: "listeners: []\nupstreams:\n- name: a\n  " + text)
  }

  @Test(
    "callouts",
    arguments: [
      (
        "name: Other",
        "3: the callout 'Other' has no 'address', and is none of this server's own: one of AddHeader, NoTelnet"
      ),
      ("kind: ext_proc", "3: a callout has no 'name'; give it one"),
      (
        "name: Other\n  address: a:1\n  kind: wasm",
        "5: 'kind' of a callout is 'wasm': one of ext_proc, network_ext_proc"
      ),
      ("name: Other\n  address: a:1\n  max_body: 1", "5: unknown key 'max_body' in a callout of the kind ext_proc"),
      (
        "name: Other\n  address: a:1\n  request_body: all",
        "5: 'request_body' of a callout of the kind ext_proc is 'all'"
      ),
      (
        "name: AddHeader\n  address: a:1",
        "4: unknown key 'address' in 'AddHeader', a callout of this server: one of name"
      ),
      ("name: AddHeader\n  fail_open: true\n- name: AddHeader", "5: the callout 'AddHeader' is there twice; keep one"),
      (
        "name: Other\n  address: a:1\n- name: Other\n  address: b:1",
        "5: the callout 'Other' is there twice; rename one"
      ),
    ])
  func callout(text: String, error: String) { expect(error, in: "listeners: []\ncallouts:\n- " + text) }

  @Test(
    "the file",
    arguments: [
      ("", " it is empty: it needs 'listeners'"), ("upstreams: []", "1: the file has no 'listeners'; give it one"),
      ("listener: []", "1: unknown key 'listener' in the file: one of listeners, upstreams, callouts"),
      ("- a", "1: the file has to be a mapping"),
    ])
  func file(text: String, error: String) { expect(error, in: text) }

  private func expect(_ start: String, in text: String, sourceLocation: SourceLocation = #_sourceLocation) {
    let error = #expect(throws: ConfigurationFileError.self, sourceLocation: sourceLocation) {
      try ProxyConfiguration(yaml: text, ownCallouts: [addHeader, noTelnet])
    }
    let description = error?.description ?? ""
    #expect(description.hasPrefix("proxy.yaml:" + start), "\(description)", sourceLocation: sourceLocation)
    #expect(!description.contains("\n"), sourceLocation: sourceLocation)
  }
}
