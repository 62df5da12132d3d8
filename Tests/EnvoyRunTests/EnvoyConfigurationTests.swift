// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import Testing

@testable import EnvoyRun

@Suite("Envoy's configuration by envoyrun")
struct EnvoyConfigurationTests {
  private static func configuration(_ kind: ModuleFilter.Kind) -> EnvoyConfiguration {
    EnvoyConfiguration(library: "M", filter: ModuleFilter(name: "f", kind: kind), host: "127.0.0.1", port: 8_080)
  }

  private func listeners(_ configuration: EnvoyConfiguration) -> [JSONValue] {
    configuration.json["static_resources"]?["listeners"]?.array ?? []
  }

  private func manager(_ listener: JSONValue?) -> JSONValue? {
    listener?["filter_chains"]?.array?.first?["filters"]?.array?.first?["typed_config"]
  }

  private func filters(_ configuration: EnvoyConfiguration) -> [String] {
    manager(listeners(configuration).first)?["http_filters"]?.array?.compactMap { $0["name"]?.string } ?? []
  }

  @Test("an application ends the chain, and a callout has a router behind it")
  func chain() {
    #expect(filters(Self.configuration(.application)) == ["f"])
    #expect(filters(Self.configuration(.callout)) == ["f", "envoy.filters.http.router"])
    let application = manager(listeners(Self.configuration(.application)).first)?["http_filters"]?.array?.first
    #expect(application?["typed_config"]?["terminal_filter"] == true)
    #expect(application?["typed_config"]?["dynamic_module_config"] == ["name": "M", "do_not_close": true])
  }

  @Test("requests go to the upstream where there is one")
  func upstream() {
    var configuration = Self.configuration(.callout)
    #expect(configuration.json["static_resources"]?["clusters"]?.array?.count == 0)
    configuration.upstream = HostPort(argument: "127.0.0.1:9000")
    #expect(configuration.json["static_resources"]?["clusters"]?.array?.count == 1)
  }

  @Test("what compresses best is nearest to the module")
  func compression() {
    var configuration = Self.configuration(.application)
    configuration.compressions = ["br", "gzip"]
    #expect(
      filters(configuration) == ["envoy.filters.http.compressor.gzip", "envoy.filters.http.compressor.brotli", "f"])
    let best = manager(listeners(configuration).first)?["http_filters"]?.array?[1]["typed_config"]
    #expect(best?["choose_first"] == true)
  }

  @Test("TLS has a listener beside the other, and HTTP/3 one more")
  func tls() {
    var configuration = Self.configuration(.application)
    let files = TLSFiles(certificate: "cert.pem", privateKey: "key.pem")
    configuration.tls = .init(port: 8_443, files: files, clientAuthorities: "ca.pem", http3: true)
    let listeners = listeners(configuration)
    #expect(listeners.map { $0["name"]?.string } == ["http", "https", "http3"])
    let socket = listeners[1]["filter_chains"]?.array?.first?["transport_socket"]?["typed_config"]
    #expect(socket?["require_client_certificate"] == true)
    #expect(listeners[2]["address"]?["socket_address"]?["protocol"] == "UDP")
    #expect(manager(listeners[2])?["codec_type"] == "HTTP3")
  }
}
