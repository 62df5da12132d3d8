// SPDX-License-Identifier: Apache-2.0
public import EnvoyAPI

extension CalloutFilter {
  /// The filter of a `CalloutServer`. Defaults are Envoy's.
  ///
  /// Source: `envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor`.
  public struct ExtProc: Sendable, Hashable {
    /// What the server is sent.
    public var processingMode: Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode
    /// What the server's hooks are written for, or nil where that is not known; only checks look at it.
    public var handledMode: Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode?
    /// Attributes that go with a request, such as `request.path`.
    public var requestAttributes: [String] = []
    /// Attributes that go with a response.
    public var responseAttributes: [String] = []
    /// Time for an answer, at most an hour. Envoy has none in the full duplex, GRPC and observability modes.
    public var messageTimeout = Duration.milliseconds(200)
    /// The longest time that the server may ask for with `overrideMessageTimeout`, or nil: it gets none.
    public var maxMessageTimeout: Duration?
    /// Requests go on when the server fails.
    public var failOpen = false
    /// The status of the answer when the server fails, or nil for Envoy's: 500, or 504 when it is late.
    public var statusOnError: UInt32?
    public var headerRules = HeaderRules()
    /// The only request and response headers that are sent, or nil for all. Each may end with `*`.
    public var forwardedHeaders: [String]?
    /// The server is told, and not waited for.
    public var observabilityMode = false
    /// The server may change what it is sent; to these modes alone where there are any.
    public var allowModeOverride = false
    public var allowedOverrideModes: [Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode] = []
    /// Namespaces of dynamic metadata that are sent.
    public var forwardedNamespaces: [String] = []
    /// Namespaces of dynamic metadata that the server may set; Envoy drops all others.
    public var acceptedNamespaces: [String] = []
    /// What becomes of the chosen route once the server has changed headers.
    public var routeCache = RouteCache.whenServerAsks
    /// The server cannot answer the client.
    public var disableImmediateResponse = false
    /// Streamed bodies are sent before headers are answered.
    public var sendsBodyAtOnce = false

    public init(_ mode: (inout Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode) -> Void = { _ in }) {
      processingMode = .init()
      mode(&processingMode)
    }

    public enum RouteCache: Sendable, Hashable {
      /// The route is chosen anew where an answer has `clear_route_cache`.
      case whenServerAsks
      /// The route is chosen anew after each change of request headers.
      case clear
      /// The route stays.
      case retain
    }

    /// Which headers the server may change; Envoy drops other changes without a word.
    public struct HeaderRules: Sendable, Hashable {
      /// `:authority`, `:method`, `:scheme` and `host` too.
      public var allowAllRouting = false
      /// Those that begin with `x-envoy-` too.
      public var allowEnvoy = false
      /// None that begins with a colon.
      public var disallowSystem = false
      /// None, but those of `allowExpression`.
      public var disallowAll = false
      /// What matches this expression of RE2 may be changed whatever else is forbidden.
      public var allowExpression: String?
      /// What matches this one may not, whatever else is allowed.
      public var disallowExpression: String?
      /// A forbidden change fails the request.
      public var disallowIsError = false

      public init() {}
    }
  }
}
