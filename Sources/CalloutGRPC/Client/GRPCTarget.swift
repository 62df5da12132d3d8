// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Where a server is: `host:port`, `[IPv6]:port` or `unix:/path`. A host that is a name is looked up for each connection.
public struct GRPCTarget: Sendable, Hashable, CustomStringConvertible {
  package enum Kind: Sendable, Hashable {
    case host(String, port: Int)
    case unix(path: String)
  }

  package let kind: Kind

  package init(_ kind: Kind) { self.kind = kind }

  /// Parses the text form, or returns nil.
  public init?(_ text: String) {
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst("unix:".count))
      guard !path.isEmpty else { return nil }
      self.init(.unix(path: path))
      return
    }
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = UInt16(digits), port > 0 else { return nil }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty else { return nil }
    self.init(.host(host, port: Int(port)))
  }

  package init(_ address: SocketAddress) {
    if let path = address.pathname {
      self.init(.unix(path: path))
    } else {
      self.init(.host(address.ipAddress ?? "", port: address.port ?? 0))
    }
  }

  /// It is to be looked up.
  package var isName: Bool {
    if case .host(let host, let port) = kind { (try? SocketAddress(ipAddress: host, port: port)) == nil } else { false }
  }

  /// The host as it was given; `localhost` for a Unix-domain socket.
  package var host: String {
    if case .host(let host, _) = kind { host } else { "localhost" }
  }

  /// What calls send as `:authority` where nothing else is asked for.
  package var authority: String {
    if case .host = kind { description } else { "localhost" }
  }

  public var description: String {
    switch kind {
    case .host(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}
