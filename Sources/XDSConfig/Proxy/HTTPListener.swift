// SPDX-License-Identifier: Apache-2.0

extension ProxyConfiguration {
  /// Takes HTTP/1.1 and HTTP/2, and routes each request.
  public struct HTTPListener: Sendable, Hashable {
    /// The listener's name, and its route configuration's.
    public var name: String
    public var address: ProxyAddress
    /// TLS, or nil for plaintext.
    public var tls: ServerTLS?
    /// The hosts, of which the one with the best fitting domain is taken.
    public var hosts: [VirtualHost]
    /// The callouts that are asked about each request, in order.
    public var callouts: [CalloutUse]
    /// Clients are strangers: paths are made canonical, headers with underscores refused, the client's own address is
    /// believed in place of what it says, and it has limited time and memory.
    public var isEdge = true
    /// Time that a connection may be without requests, or nil for any.
    public var idleTimeout: Duration? = .seconds(3_600)
    /// Time without any byte of a request or its response, or nil for any.
    public var streamIdleTimeout: Duration? = .seconds(300)
    /// Time for the whole request to arrive, or nil for any, as long uploads need it.
    public var requestTimeout: Duration? = .seconds(300)
    /// Most bytes of a body in the BUFFERED mode, and that a connection may hold; a larger body is answered 413. Nil is
    /// 1 MiB where a callout of the listener buffers bodies, and else 32 KiB.
    public var bufferLimit: UInt32?
    /// Requests may change to WebSocket.
    public var allowsWebSocket = false
    public var accessLog: AccessLog?

    public init(_ name: String, at address: ProxyAddress, hosts: [VirtualHost], callouts: [CalloutUse] = []) {
      self.name = name
      self.address = address
      self.hosts = hosts
      self.callouts = callouts
    }

    /// A listener with the same routes for every host.
    public init(_ name: String, at address: ProxyAddress, routes: [Route], callouts: [CalloutUse] = []) {
      self.init(name, at: address, hosts: [VirtualHost(routes: routes)], callouts: callouts)
    }
  }

  /// The routes of some domains.
  public struct VirtualHost: Sendable, Hashable {
    /// Domains; each may begin or end with `*`, which alone is every domain.
    public var domains: [String]
    /// The routes, of which the first that matches is taken. A request that none matches is answered 404.
    public var routes: [Route]

    public init(_ domains: [String] = ["*"], routes: [Route]) {
      self.domains = domains
      self.routes = routes
    }
  }

  /// A callout of a listener.
  public struct CalloutUse: Sendable, Hashable, ExpressibleByStringLiteral {
    public var name: String
    /// Whether it is asked where the route does not say.
    public var isEnabled: Bool

    public init(_ name: String, isEnabled: Bool = true) {
      self.name = name
      self.isEnabled = isEnabled
    }

    public init(stringLiteral name: String) { self.init(name) }
  }

  /// Where requests, or connections, are logged, one line for each.
  public enum AccessLog: Sendable, Hashable {
    case standardOutput
    case file(String)
  }
}

extension ProxyConfiguration {
  /// Takes connections and passes their bytes to an upstream.
  public struct TCPListener: Sendable, Hashable {
    public var name: String
    public var address: ProxyAddress
    /// TLS, or nil for bytes as they come.
    public var tls: ServerTLS?
    /// The name of the upstream.
    public var upstream: String
    /// The network callouts that are asked about each connection, in order.
    public var callouts: [String]
    /// Time without a byte in either direction, or nil for any.
    public var idleTimeout: Duration? = .seconds(3_600)
    public var accessLog: AccessLog?

    public init(_ name: String, at address: ProxyAddress, to upstream: String, callouts: [String] = []) {
      self.name = name
      self.address = address
      self.upstream = upstream
      self.callouts = callouts
    }
  }
}
