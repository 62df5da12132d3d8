// SPDX-License-Identifier: Apache-2.0
internal import Yams

/// Makes a proxy's description of the text of a file.
struct ProxyFileReader {
  let file: String
  /// The callouts of this server, which the file need not describe.
  let ownCallouts: [Callout]

  func read(_ text: String) throws(ProxyFileError) -> ProxyConfiguration {
    let root = try compose(text).map("the file", keys: ["listeners", "upstreams", "callouts"])
    var proxy = ProxyConfiguration(callouts: ownCallouts)
    for value in root["callouts"]?.list() ?? [] { try addCallout(value, to: &proxy) }
    for value in root["upstreams"]?.list() ?? [] { proxy.upstreams.append(try upstream(value, in: proxy)) }
    for value in try root.required("listeners").list() {
      proxy.listeners.append(try listener(value, in: proxy))
    }
    return proxy
  }

  private func compose(_ text: String) throws(ProxyFileError) -> YAMLValue {
    do {
      guard let node = try Yams.compose(yaml: text) else {
        throw ProxyFileError(file, line: nil, "it is empty: it needs 'listeners'")
      }
      return YAMLValue(node: node, file: file, what: "the file")
    } catch let error as YamlError {
      throw failure(error)
    } catch {
      throw error as? ProxyFileError ?? ProxyFileError(file, line: nil, "it cannot be read: \(error)")
    }
  }

  private func failure(_ error: YamlError) -> ProxyFileError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return ProxyFileError(file, line: mark.line, "it is no YAML: \(problem)")
    case .duplicatedKeysInMapping(let duplicates, let context):
      let names = duplicates.map { "'\($0)'" }.sorted().joined(separator: ", ")
      return ProxyFileError(file, line: context.mark.line, "the key \(names) is there twice; keep one")
    default: return ProxyFileError(file, line: nil, "it is no YAML: \(error)")
    }
  }

  /// The name of something that must not be there yet.
  func newName(
    _ map: YAMLMap, _ what: String, among existing: some Sequence<String>
  ) throws(ProxyFileError) -> String {
    let value = try map.required("name")
    let name = try value.text()
    guard !existing.contains(name) else { throw value.failure("there are two \(what) '\(name)'; rename one") }
    return name
  }
}

// MARK: TLS

extension YAMLValue {
  /// A file's name, or PEM itself.
  fileprivate func pem() throws(ProxyFileError) -> PEMSource {
    let text = try text()
    return text.hasPrefix("-----BEGIN") ? .inline(text) : .file(text)
  }

  func serverTLS() throws(ProxyFileError) -> ServerTLS {
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

  func clientTLS() throws(ProxyFileError) -> ClientTLS {
    if (try? bool()) == true { return ClientTLS() }
    let map = try map("TLS", keys: ["server_name", "ca", "certificate", "private_key"])
    return ClientTLS(
      serverName: try map["server_name"]?.text(), authorities: try map["ca"]?.pem(), certificate: try map.certificate())
  }
}

extension YAMLMap {
  fileprivate func certificate() throws(ProxyFileError) -> ProxyCertificate? {
    switch (self["certificate"], self["private_key"]) {
    case (nil, nil): return nil
    case (let chain?, let key?): return ProxyCertificate(chain: try chain.pem(), privateKey: try key.pem())
    case (let found?, nil): throw found.failure("\(what) has 'certificate' without 'private_key'; give both")
    case (nil, let found?): throw found.failure("\(what) has 'private_key' without 'certificate'; give both")
    }
  }
}
