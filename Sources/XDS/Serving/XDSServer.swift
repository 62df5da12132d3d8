// SPDX-License-Identifier: Apache-2.0
public import Logging

/// A control plane: sends proxies and gRPC clients their configuration, and every change of it.
///
/// It serves all discovery services, aggregated and for each type, State of the World and Delta.
///
///     let cache = SnapshotCache()
///     let server = XDSServer(cache)
///     let report = cache.publish(try Snapshot(resources))
public final class XDSServer: Sendable {
  let service: DiscoveryService

  public init(
    _ cache: any DiscoveryCache, configuration: Configuration = Configuration(),
    callbacks: (any XDSCallbacks)? = nil, logger: Logger = Logger(label: "xds")
  ) {
    service = DiscoveryService(cache, configuration, callbacks, logger)
  }

  public struct Configuration: Sendable {
    /// What responses name the control plane by; nothing where it is empty.
    public var identifier = ""
    /// How long a client that does not answer is waited for, before it is sent what came after, and before what it
    /// no longer needs is removed.
    ///
    /// Envoy acknowledges clusters once they are warm, for which it waits no longer than 15 s by default
    /// (`initial_fetch_timeout`).
    public var answerTime: Duration = .seconds(20)
    /// How long something that nothing uses any more is kept, for requests that chose their route before: as long as
    /// callouts and slow uploads may hold one up.
    public var removalDelay: Duration = .seconds(15)
    /// How often clients are told that resources with a TTL are still there; at most half of the shortest TTL.
    public var heartbeatInterval: Duration = .seconds(5)
    /// The types of which a first request without names asks for nothing rather than for everything, as gRPC's
    /// clients mean it.
    public var legacyWildcard = LegacyWildcard.allTypes
    /// Bytes of resources in a delta response; more are divided among several. Half of what gRPC clients take.
    public var responseSize = 2 * 1_024 * 1_024
    /// Whether a client may have a node's configuration; all may where it is nil. Asked on an event loop: it must not
    /// block.
    public var isAllowed: (@Sendable (Node, Peer) -> Bool)?

    public init() {}
  }

  public enum LegacyWildcard: Sendable, Hashable {
    case allTypes
    case noTypes
    case allTypesBut(Set<ResourceType>)

    func allows(_ type: ResourceType) -> Bool {
      switch self {
      case .allTypes: true
      case .noTypes: false
      case .allTypesBut(let types): !types.contains(type)
      }
    }
  }
}
