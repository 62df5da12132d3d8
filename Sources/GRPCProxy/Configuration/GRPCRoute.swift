// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC

/// What is done with calls of some kind.
public struct GRPCRoute: Sendable, Hashable {
  /// Which calls it is for.
  public var match = Match()
  public var action: Action
  /// The longest that a call may take; a client's own deadline counts where it is sooner.
  public var deadline: Duration?
  /// The longest message either way, in bytes as sent; a longer one ends its call with RESOURCE_EXHAUSTED. Messages are
  /// passed on piece by piece, so that they take no memory by their length.
  public var maxMessageLength: Int?
  /// Metadata that the backend gets in place of what the client sent under the same names.
  public var setMetadata = Metadata()
  /// Names of the client's metadata that the backend does not get.
  public var removedMetadata: [String] = []

  public init(_ action: Action, for match: Match = Match()) {
    self.match = match
    self.action = action
  }

  public enum Action: Sendable, Hashable {
    /// Passed to a backend of the set with this name.
    case forward(to: String)
    /// Ended at once.
    case refuse(GRPCStatus)
  }

  /// Says which calls are meant: those that have all of what is given.
  public struct Match: Sendable, Hashable {
    /// The `:authority`, without regard to case and to a port that is not given here; `*.example.com` means all hosts
    /// below `example.com`.
    public var authority: String?
    /// The full name of the service, such as `grpc.health.v1.Health`; a name that ends with `.*` means all services
    /// of that package and those below it.
    public var service: String?
    /// The method's name alone.
    public var method: String?
    /// Values that the metadata has, in text; nil where any value will do.
    public var metadata: [String: String?] = [:]

    public init(authority: String? = nil, service: String? = nil, method: String? = nil) {
      self.authority = authority
      self.service = service
      self.method = method
    }
  }
}
