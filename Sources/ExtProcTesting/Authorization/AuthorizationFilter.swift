// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
public import ExtAuthz

/// Envoy's ext_authz filter without an Envoy: takes an HTTP exchange past an authorization server, as strict as Envoy is.
///
///     let request = HTTPRequest("GET", "/", fields: ["x-forwarded-for": "10.0.0.1"])
///     let exchange = try await AuthorizationFilter().exchange(request, with: BlockIP())
///     #expect(exchange.response.status == 403)
///
/// It follows Envoy 1.40. What other parts of Envoy add to a request, such as `x-request-id`, is not there.
///
/// Source: `envoy.extensions.filters.http.ext_authz.v3.ExtAuthz`.
public struct AuthorizationFilter: Sendable, Hashable {
  /// Requests pass when the server fails, or answers that nothing could be decided.
  public var failureModeAllow = false
  /// Requests that pass so have the header `x-envoy-auth-failure-mode-allowed: true`.
  public var failureModeAllowHeaderAdd = false
  /// The status with which requests are refused when the server fails.
  public var statusOnError = 403
  /// What the server is sent of a request's body, or nil for nothing.
  public var requestBody: RequestBody?
  /// The headers are sent as they came, not joined.
  public var encodeRawHeaders = false
  /// A reply with headers or query parameters that cannot be is refused as a whole.
  public var validateMutations = false
  /// What the route's configuration adds.
  public var contextExtensions: [String: String] = [:]
  /// The metadata of the call, `initial_metadata`.
  public var initialMetadata: Metadata = [:]

  /// Makes a filter as Envoy's is by default, and changes it.
  public init(_ change: (inout AuthorizationFilter) -> Void = { _ in }) { change(&self) }

  /// What the server is sent of a body. Source: `BufferSettings`.
  public struct RequestBody: Sendable, Hashable {
    /// A longer body is refused with 413, or sent in part.
    public var maxRequestBytes: Int
    /// Of a longer body the beginning is sent.
    public var allowPartialMessage = false
    /// It is sent as bytes, not as text.
    public var packAsBytes = false

    public init(maxRequestBytes: Int) { self.maxRequestBytes = maxRequestBytes }
  }
}

extension AuthorizationFilter {
  /// Takes an exchange past an authorization server that runs in this process.
  ///
  /// - Parameters:
  ///   - request: what the client sends.
  ///   - upstream: answers what arrives; by default it tells the request that it got.
  ///
  /// Throws an `ExchangeFailure` where the server fails or replies with what Envoy refuses, and what `upstream` throws.
  public func exchange(
    _ request: HTTPRequest, with server: AuthorizationServer,
    upstream: @escaping EnvoyFilter.Upstream = { HTTPUpstream.echo($0) }
  ) async throws -> AuthorizationExchange {
    try await exchange(request, upstream: upstream) { message, metadata in
      let initial = metadata.compactMap { entry -> (name: String, value: String)? in
        if case .string(let value) = entry.value { (entry.name, value) } else { nil }
      }
      do {
        return try await AuthorizationHarness(server, metadata: initial).reply(to: message)
      } catch {
        throw GRPCStatus(callout: error)
      }
    }
  }

  /// Takes an exchange past the authorization server that a client is connected to, whatever it is made with.
  public func exchange(
    _ request: HTTPRequest, with client: CalloutClient,
    upstream: @escaping EnvoyFilter.Upstream = { HTTPUpstream.echo($0) }
  ) async throws -> AuthorizationExchange {
    try await exchange(request, upstream: upstream) { try await client.check($0, metadata: $1) }
  }

  private func exchange(
    _ request: HTTPRequest, upstream: EnvoyFilter.Upstream,
    ask: (CheckRequestMessage, Metadata) async throws -> CheckResponseMessage
  ) async throws -> AuthorizationExchange {
    var state = AuthorizationState(self, request)
    if let message = state.question() {
      do {
        try state.handle(try await ask(message, initialMetadata))
      } catch let status as GRPCStatus {
        try state.callFailed(status)
      }
    }
    if let request = state.exchange.upstreamRequest { state.receive(try await upstream(request)) }
    return state.exchange
  }
}
