// SPDX-License-Identifier: Apache-2.0
internal import ConfigurationFile

/// Makes a proxy's description of the text of a file.
struct ProxyFileReader {
  let file: String
  /// The callouts of this server, which the file need not describe.
  let ownCallouts: [Callout]

  func read(_ text: String) throws(ConfigurationFileError) -> ProxyConfiguration {
    let root = try YAMLValue(text, file: file, needs: "listeners")
      .map("the file", keys: ["listeners", "upstreams", "callouts"])
    var proxy = ProxyConfiguration(callouts: ownCallouts)
    for value in root["callouts"]?.list() ?? [] { try addCallout(value, to: &proxy) }
    for value in root["upstreams"]?.list() ?? [] { proxy.upstreams.append(try upstream(value, in: proxy)) }
    for value in try root.required("listeners").list() {
      proxy.listeners.append(try listener(value, in: proxy))
    }
    return proxy
  }
}

// MARK: TLS

extension YAMLValue {
  /// A file's name, or PEM itself.
  fileprivate func pem() throws(ConfigurationFileError) -> PEMSource {
    let text = try text()
    return text.hasPrefix("-----BEGIN") ? .inline(text) : .file(text)
  }

  func serverTLS() throws(ConfigurationFileError) -> ServerTLS {
    let map = try map("TLS", keys: ["certificate", "private_key", "certificates", "client_ca"])
    var tls = ServerTLS(try map.certificate())
    for value in map["certificates"]?.list() ?? [] {
      let map = try value.map("a certificate", keys: ["names", "certificate", "private_key"])
      guard let certificate = try map.certificate() else {
        throw value.failure("a certificate has no 'certificate'; give it one")
      }
      tls.named.append(.init(try map.required("names").texts(), certificate))
    }
    guard tls.certificate != nil || !tls.named.isEmpty else {
      throw failure("\(what) has neither 'certificate' nor 'certificates'; give it one")
    }
    tls.clientAuthorities = try map["client_ca"]?.pem()
    return tls
  }

  func clientTLS() throws(ConfigurationFileError) -> ClientTLS {
    if (try? bool()) == true { return ClientTLS() }
    let map = try map("TLS", keys: ["server_name", "ca", "certificate", "private_key"])
    return ClientTLS(
      serverName: try map["server_name"]?.text(), authorities: try map["ca"]?.pem(), certificate: try map.certificate())
  }
}

extension YAMLMap {
  fileprivate func certificate() throws(ConfigurationFileError) -> ProxyCertificate? {
    guard let (chain, key) = try both("certificate", "private_key") else { return nil }
    return ProxyCertificate(chain: try chain.pem(), privateKey: try key.pem())
  }
}

// MARK: Addresses

extension YAMLValue {
  func address() throws(ConfigurationFileError) -> ProxyAddress {
    let text = try text()
    guard let address = ProxyAddress(text) else {
      throw failure("\(what) is '\(text)': host:port, [IPv6]:port, :port or unix:/path")
    }
    return address
  }

  func addresses() throws(ConfigurationFileError) -> [ProxyAddress] {
    var addresses: [ProxyAddress] = []
    for value in list() { addresses.append(try value.address()) }
    return addresses
  }
}
