// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Where a server listens: `host:port`, `[IPv6]:port`, `:port` for every IPv4 interface, or `unix:/path`.
///
/// Port 0 has the kernel choose one, which the server logs.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
  enum Kind: Sendable, Hashable {
    case ip(host: String, port: Int)
    case unix(path: String)
  }

  let kind: Kind

  private init(_ kind: Kind) { self.kind = kind }

  public static func ip(_ host: String, _ port: UInt16) -> ListenAddress { .init(.ip(host: host, port: Int(port))) }

  /// A Unix-domain socket; one that was left behind is replaced.
  public static func unix(_ path: String) -> ListenAddress { .init(.unix(path: path)) }

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
    guard digits.allSatisfy(\.isNumber), let port = UInt16(digits) else { return nil }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
      guard !host.isEmpty else { return nil }
    } else if host.contains(":") {
      return nil
    }
    self.init(.ip(host: host.isEmpty ? "0.0.0.0" : host, port: Int(port)))
  }

  /// The host as it was given, or nil for a Unix-domain socket.
  package var host: String? {
    if case .ip(let host, _) = kind { host } else { nil }
  }

  public var description: String {
    switch kind {
    case .ip(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }

  package func resolve() throws -> SocketAddress {
    switch kind {
    case .ip(let host, let port): try .makeAddressResolvingHost(host, port: port)
    case .unix(let path): try SocketAddress(unixDomainSocketPath: path)
    }
  }
}

extension ListenAddress {
  package init(_ address: SocketAddress) {
    if let path = address.pathname {
      self = .unix(path)
    } else {
      self.init(.ip(host: address.ipAddress ?? "", port: address.port ?? 0))
    }
  }
}
