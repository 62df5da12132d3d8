// SPDX-License-Identifier: Apache-2.0
public import EnvoyAPI
public import XDS

/// What Envoy asks a control plane for, and what it does with the answers; it does no I/O and reads no clock.
///
/// As Envoy 1.40 was seen to behave: a cluster that is new or changed stays in warming until an assignment of its
/// endpoints comes after it, even one that is already held. The State of the World variant then asks for the same names
/// once more; the incremental one sends nothing. Once it has started, Envoy asks nothing about clusters and acknowledges
/// none while any is in warming, but on a stream for clusters alone. A name that the server says to be removed has come
/// as far as warming goes. Unlike Envoy, a listener that is removed needs no time to drain, and a response with a resource
/// twice is always refused; Envoy accepts that for endpoints and routes in the State of the World variant.
public struct EnvoyDiscoveryState: Sendable {
  /// A resource that is held.
  public struct Held: Sendable, Equatable {
    /// Of the resource, or in the State of the World variant of the response that brought it.
    public var version: String
    public var body: [UInt8]
    var dependencies: Set<ResourceReference>
    /// When it is forgotten, on the clock that the test advances.
    var expiry: Duration?
  }

  /// A response that came.
  public struct Response: Sendable, Equatable {
    public var type: ResourceType
    public var nonce: String
    public var version: String
    /// The resources in it, in order.
    public var names: [String]
    /// Those among them that came without their content, only to be kept.
    public var heartbeats: [String] = []
    public var removed: [String] = []
    /// Why it was refused.
    public var refusal: String?
  }

  /// A request that was sent.
  public enum Request: Sendable, Equatable {
    case stateOfTheWorld(Envoy_Service_Discovery_V3_DiscoveryRequest)
    case incremental(Envoy_Service_Discovery_V3_DeltaDiscoveryRequest)
  }

  /// All responses since the beginning, streams before the present one included.
  public internal(set) var responses: [Response] = []
  /// All requests since the beginning.
  public internal(set) var requests: [Request] = []
  /// The clusters and listeners that wait for other resources.
  public var warming: Set<ResourceReference> { Set(waits.keys) }

  let configuration: DiscoveryConfiguration
  var subscriptions: [ResourceType: DiscoverySubscription] = [:]
  var waits: [ResourceReference: DiscoveryWait] = [:]
  /// Envoy's start: clusters, then listeners.
  var asksForListeners = false
  var clustersDeadline: Duration?
  var now = Duration.zero
  var nextRequest = 0

  public init(_ configuration: DiscoveryConfiguration) {
    self.configuration = configuration
    guard configuration.asksByItself else { return }
    clustersDeadline = configuration.initialFetchTimeout
    change(.cluster) { $0.explicit = ["*"] }
    interestChanged()
  }

  // MARK: What is known

  /// The resources of a type that are held, those in warming included, by name.
  public func held(_ type: ResourceType) -> [String: Held] { subscriptions[type]?.held ?? [:] }

  /// The names of a type that Envoy is interested in, in order; `*` for all.
  public func names(_ type: ResourceType) -> [String] { subscriptions[type]?.interest.sorted() ?? [] }

  /// The responses of a type, in order.
  public func responses(_ type: ResourceType) -> [Response] { responses.filter { $0.type == type } }

  // MARK: What happens

  /// A stream was opened: for one type, or for all.
  mutating func opened(_ type: ResourceType? = nil) {
    for type in type.map({ [$0] }) ?? Array(subscriptions.keys) { change(type) { $0.streamOpened() } }
    send()
  }

  /// The test asks for resources besides those that Envoy needs.
  mutating func ask(for names: [String], of type: ResourceType) {
    change(type) { $0.explicit.formUnion(names) }
    interestChanged()
    send()
  }

  /// The test asks no longer for resources.
  mutating func stopAsking(for names: [String], of type: ResourceType) {
    change(type) { $0.explicit.subtract(names) }
    interestChanged()
    send()
  }

  /// Time passes: resources expire, and waits end.
  mutating func advance(by duration: Duration) {
    now += duration
    for (type, subscription) in subscriptions {
      let expired = subscription.held.filter { $0.value.expiry.map { $0 <= now } ?? false }
      for name in expired.keys { remove(ResourceReference(type, name)) }
    }
    for (reference, wait) in waits where wait.deadline <= now { waits[reference] = nil }
    if let clustersDeadline, clustersDeadline <= now { self.clustersDeadline = nil }
    settle()
    send()
  }

  mutating func change(_ type: ResourceType, _ change: (inout DiscoverySubscription) -> Void) {
    change(&subscriptions[type, default: DiscoverySubscription()])
  }
}
