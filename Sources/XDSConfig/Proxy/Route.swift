// SPDX-License-Identifier: Apache-2.0
public import EnvoyAPI

extension ProxyConfiguration {
  /// What becomes of some requests.
  public struct Route: Sendable, Hashable {
    public var path: PathMatch
    /// Headers that a request has to have, all of them.
    public var headers: [HeaderMatch] = []
    public var action: Action
    /// What is different here for a callout of the listener, by its name.
    public var callouts: [String: CalloutOverride] = [:]

    public init(_ path: PathMatch, _ action: Action) {
      self.path = path
      self.action = action
    }

    /// A route to one upstream.
    public init(_ path: PathMatch, to upstream: String) { self.init(path, .forward(Forward(to: upstream))) }
  }

  /// Which paths a route is for; the query is no part of them.
  public enum PathMatch: Sendable, Hashable {
    /// Those that begin with it.
    case prefix(String)
    /// This one.
    case exact(String)
    /// Those that an expression in RE2's syntax matches as a whole.
    case regex(String)
  }

  /// A header that a request has to have.
  public struct HeaderMatch: Sendable, Hashable {
    public var name: String
    public var value: Value

    public init(_ name: String, _ value: Value) {
      self.name = name
      self.value = value
    }

    public enum Value: Sendable, Hashable {
      /// It is there, with any value, or it is not.
      case present(Bool)
      case exact(String)
      case prefix(String)
      case suffix(String)
      case contains(String)
      /// An expression in RE2's syntax that matches the whole value.
      case regex(String)
    }
  }

  public enum Action: Sendable, Hashable {
    /// The request goes to an upstream.
    case forward(Forward)
    /// The proxy answers.
    case respond(status: UInt32, body: String)
  }

  /// How requests go to an upstream.
  public struct Forward: Sendable, Hashable {
    /// The upstreams, each for its part of the requests.
    public var upstreams: [WeightedUpstream]
    /// Time for the whole response, or nil for any, as streams need it.
    public var timeout: Duration? = .seconds(15)
    /// What is put for the matched prefix, or for the whole path where it is matched as one.
    public var prefixRewrite: String?
    /// The host that the upstream sees, or nil for the client's.
    public var hostRewrite: String?
    /// How often a request is tried again that did not reach its upstream; 0 for never.
    public var retries = 0

    public init(to upstream: String) { upstreams = [WeightedUpstream(upstream, weight: 1)] }

    public init(to upstreams: [WeightedUpstream]) { self.upstreams = upstreams }
  }

  public struct WeightedUpstream: Sendable, Hashable {
    public var name: String
    /// Its part compared with the others'.
    public var weight: UInt32

    public init(_ name: String, weight: UInt32) {
      self.name = name
      self.weight = weight
    }
  }

  /// What is different for a callout on a route. What is nil stays as the callout has it.
  public struct CalloutOverride: Sendable, Hashable {
    /// Whether it is asked.
    public var isEnabled = true
    /// What it is sent; only for ext_proc.
    public var processingMode: Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode?
    /// Requests go on when it fails; only for ext_proc.
    public var failOpen: Bool?
    /// Attributes that go with a request; only for ext_proc.
    public var requestAttributes: [String]?
    /// Attributes that go with a response; only for ext_proc.
    public var responseAttributes: [String]?
    /// What it is told beside the request; only for ext_authz.
    public var contextExtensions: [String: String]?

    public init(isEnabled: Bool = true) { self.isEnabled = isEnabled }

    public static let off = CalloutOverride(isEnabled: false)
    public static let on = CalloutOverride()
  }
}
