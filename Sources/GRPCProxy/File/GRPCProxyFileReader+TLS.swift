// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import CalloutTransport
internal import ConfigurationFile
internal import NIOCore

extension GRPCProxyFileReader {
  /// `true` for trust in the system's authorities, `false` for plaintext, or a mapping.
  func tls(_ value: YAMLValue) throws(ConfigurationFileError) -> GRPCChannel.TLS? {
    if let isOn = try? value.bool() { return isOn ? .init() : nil }
    let map = try value.map(
      "TLS", keys: ["ca", "server_name", "subject_alt_names", "certificate", "private_key", "insecure"])
    var tls = GRPCChannel.TLS()
    if let value = map["ca"] { tls.trustRoots = try pem(value) }
    tls.serverName = try map["server_name"]?.nonEmptyText()
    for value in map["subject_alt_names"]?.list() ?? [] {
      let name = try value.nonEmptyText()
      guard (try? SocketAddress(ipAddress: name, port: 0)) == nil else {
        throw value.failure(
          "\(value.what) is '\(name)', an address; give DNS names and URIs, or 'server_name' an address")
      }
      tls.subjectAltNames.append(name)
    }
    if let (chain, key) = try map.both("certificate", "private_key") {
      tls.identity = .init(certificateChain: try pem(chain), privateKey: try pem(key))
    }
    if try map["insecure"]?.bool() == true {
      tls.verifiesServer = false
      for key in ["ca", "subject_alt_names"] {
        if let value = map[key] {
          throw value.failure("TLS with 'insecure' looks at no certificate; leave '\(key)' out, or 'insecure'")
        }
      }
    }
    try check(tls, of: map)
    return tls
  }

  /// A file's name, or PEM itself.
  private func pem(_ value: YAMLValue) throws(ConfigurationFileError) -> [UInt8] {
    let text = try value.text()
    if text.hasPrefix("-----BEGIN") { return Array(text.utf8) }
    let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
    let other = text.hasPrefix("/") ? text : folder + text
    guard let bytes = others.read(other) else {
      throw value.failure("\(value.what): '\(other)' cannot be read: check that it exists and is readable")
    }
    return bytes
  }

  /// What OpenSSL would refuse once there is a call is refused here.
  private func check(_ tls: GRPCChannel.TLS, of map: YAMLMap) throws(ConfigurationFileError) {
    let identity = tls.identity.map {
      TLSIdentity(certificateChain: $0.certificateChain, privateKey: $0.privateKey)
    }
    do {
      _ = try TLSContext(
        trustRoots: tls.trustRoots, protocols: ["h2"], identity: identity, verifiesServer: tls.verifiesServer)
    } catch {
      let (key, problem) =
        switch error.code {
        case .trustRootsUnusable: ("ca", "has no certificate; give one or more, PEM")
        case .privateKeyUnusable: ("private_key", "has no unencrypted key; give one, PEM")
        case .privateKeyMismatch: ("private_key", "does not belong to 'certificate'; give its own")
        default: ("certificate", "cannot be used: \(error); give a certificate chain, PEM")
        }
      throw (map[key] ?? map.place).failure("'\(key)' of TLS \(problem)")
    }
  }
}
