// SPDX-License-Identifier: Apache-2.0
internal import XDSConfig

/// The proxy that a server's options describe: its file or value, and the server's own callouts in it.
struct ProxyDescription: Sendable {
  private let callouts: [(name: String, filter: CalloutFilter)]
  private let configuration: ServerConfiguration

  /// Nil where the options describe no proxy. Throws `StartupError` for options that cannot be.
  init?(_ callouts: [(name: String, filter: CalloutFilter)], _ configuration: ServerConfiguration) throws(StartupError)
  {
    let path = configuration.proxyConfigurationPath
    guard path != nil || configuration.proxy != nil else {
      guard !configuration.wantsProxy else {
        throw StartupError("no proxy is described: give --proxy-config FILE; docs/proxy-yaml.md says what is in it")
      }
      return nil
    }
    guard path == nil || configuration.proxy == nil else {
      throw StartupError("--proxy-config is given to a server that describes its proxy itself: leave it out")
    }
    self.callouts = callouts
    self.configuration = configuration
  }

  /// The file, its contents checked; nil where the description is a value. Throws `StartupError` with its first error.
  func open(at addresses: CalloutService.Addresses) throws(StartupError) -> ProxyConfigurationFile? {
    guard let path = configuration.proxyConfigurationPath else { return nil }
    do {
      return try ProxyConfigurationFile(path, ownCallouts: ownCallouts(addresses))
    } catch {
      throw StartupError("--proxy-config: \(error)")
    }
  }

  /// The description as a value, or nil where it is a file.
  func proxy(at addresses: CalloutService.Addresses) -> ProxyConfiguration? {
    guard var proxy = configuration.proxy else { return nil }
    for callout in ownCallouts(addresses) where !proxy.callouts.contains(where: { $0.name == callout.name }) {
      proxy.callouts.append(callout)
    }
    return proxy
  }

  /// The description, wherever it is, as it would be at the addresses that are asked for.
  func current() throws(StartupError) -> ProxyConfiguration {
    let addresses = CalloutService.Addresses(
      secure: configuration.disableTLS ? nil : configuration.secureAddress,
      plaintext: configuration.disablePlaintext ? nil : configuration.plaintextAddress)
    if let file = try open(at: addresses) { return file.configuration }
    return proxy(at: addresses) ?? ProxyConfiguration()
  }

  private func ownCallouts(_ addresses: CalloutService.Addresses) -> [Callout] {
    guard let server = location(addresses) else { return [] }
    return callouts.map { Callout($0.name, $0.filter, at: server) }
  }

  /// Where proxies find this server: in plaintext on the same machine, by TLS from others.
  private func location(_ addresses: CalloutService.Addresses) -> CalloutServerLocation? {
    let host = configuration.advertisedHost
    if let plaintext = addresses.plaintext, host == nil || addresses.secure == nil {
      return CalloutServerLocation([plaintext.reached(by: host)])
    }
    guard let secure = addresses.secure else { return nil }
    let certificates = String(decoding: addresses.certificateChain, as: UTF8.self)
    // Without a file, and before the server runs, there is no certificate that could be named.
    let authorities =
      certificates.isEmpty ? configuration.certificateChainPath.map(PEMSource.file) : .inline(certificates)
    let name = configuration.certificateChainPath == nil ? "localhost" : host
    return CalloutServerLocation(
      [secure.reached(by: host)], tls: ClientTLS(serverName: name, authorities: authorities))
  }
}

extension ListenAddress {
  /// The address by which others reach who listens here: every interface is also that of the machine itself.
  func reached(by host: String?) -> ProxyAddress {
    switch kind {
    case .unix(let path): .unix(path)
    case .ip(let own, let port):
      ProxyAddress(host ?? (["0.0.0.0", "::"].contains(own) ? "127.0.0.1" : own), UInt16(port))
    }
  }
}
