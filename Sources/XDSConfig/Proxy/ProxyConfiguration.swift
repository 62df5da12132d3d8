// SPDX-License-Identifier: Apache-2.0

/// What a proxy does: where it listens, where it sends what it takes, and whom it asks on the way.
///
///     var proxy = ProxyConfiguration()
///     proxy.callouts = [Callout("AddHeader", .extProc(.init()), at: CalloutServerLocation([.init("127.0.0.1", 8080)]))]
///     proxy.upstreams = [.init("api", at: [.init("10.0.0.7", 80)])]
///     proxy.listeners = [
///       .http(.init("web", at: .init("0.0.0.0", 8000), routes: [.init(.prefix("/"), to: "api")], callouts: ["AddHeader"]))
///     ]
///
/// `resources()` is what an xDS server gives to the proxy, `staticBootstrap()` the same as a file.
public struct ProxyConfiguration: Sendable, Hashable {
  public var listeners: [Listener]
  public var upstreams: [Upstream]
  public var callouts: [Callout]

  public init(listeners: [Listener] = [], upstreams: [Upstream] = [], callouts: [Callout] = []) {
    self.listeners = listeners
    self.upstreams = upstreams
    self.callouts = callouts
  }

  /// Where the proxy takes connections, and what becomes of them.
  public enum Listener: Sendable, Hashable {
    /// Requests, which are routed.
    case http(HTTPListener)
    /// Connections of any protocol, which are passed on.
    case tcp(TCPListener)

    public var name: String {
      switch self {
      case .http(let listener): listener.name
      case .tcp(let listener): listener.name
      }
    }

    public var address: ProxyAddress {
      switch self {
      case .http(let listener): listener.address
      case .tcp(let listener): listener.address
      }
    }
  }

  func upstream(_ name: String) -> Upstream? { upstreams.first { $0.name == name } }
  func callout(_ name: String) -> Callout? { callouts.first { $0.name == name } }
}

/// Where somebody listens: an address or a name with a port, or a Unix-domain socket.
public enum ProxyAddress: Sendable, Hashable, CustomStringConvertible {
  case ip(String, UInt16)
  case unix(String)

  /// - Parameter host: an IPv4 or IPv6 address, or a name where the proxy can look it up.
  public init(_ host: String, _ port: UInt16) { self = .ip(host, port) }

  /// Parses `host:port`, `[IPv6]:port`, `:port` for every IPv4 interface, or `unix:/path`; nil for anything else.
  public init?(_ text: String) {
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst("unix:".count))
      guard !path.isEmpty else { return nil }
      self = .unix(path)
      return
    }
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = UInt16(digits) else { return nil }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
      guard host.contains(":") else { return nil }
    } else if host.contains(where: { $0 == ":" || $0 == "/" || $0.isWhitespace }) {
      return nil
    }
    self = .ip(host.isEmpty ? "0.0.0.0" : host, port)
  }

  /// Whether it has to be looked up first.
  public var isName: Bool {
    guard case .ip(let host, _) = self, !host.contains(":") else { return false }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count != 4 || !parts.allSatisfy { UInt8($0) != nil }
  }

  public var description: String {
    switch self {
    case .ip(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}
