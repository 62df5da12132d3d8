// SPDX-License-Identifier: Apache-2.0
internal import XDS

/// What Envoy knows of one type: what it wants, what it has, and what it told the server on the present stream.
struct DiscoverySubscription: Sendable {
  /// What the test asked for, or Envoy's own `*`.
  var explicit: Set<String> = []
  /// That, and what resources of other types need.
  var interest: Set<String> = []
  var held: [String: EnvoyDiscoveryState.Held] = [:]

  // Of the present stream.
  var wasRequested = false
  /// The stream began as if nothing were held.
  var isFresh = false
  /// The names that the server was told of.
  var told: Set<String> = []
  /// The response that was received last, State of the World.
  var nonce = ""
  /// The version of the last good response; it outlives the stream.
  var version = ""
  /// A request is due, State of the World.
  var isDue = false
  /// What the last response was refused for, until that is told.
  var refusal: String?
  /// Responses to acknowledge or to refuse, incremental.
  var answers: [(nonce: String, refusal: String?)] = []

  /// - Parameter isFresh: what is held is not told to the server, as if there were nothing.
  mutating func streamOpened(isFresh: Bool = false) {
    self.isFresh = isFresh
    if isFresh { version = "" }
    wasRequested = false
    told = []
    nonce = ""
    isDue = !interest.isEmpty
    refusal = nil
    answers = []
  }

  func wants(_ name: String, aliases: [String] = []) -> Bool {
    interest.contains("*") || interest.contains(name) || aliases.contains { interest.contains($0) }
  }
}

/// Why a cluster or a listener is in warming.
struct DiscoveryWait: Sendable {
  var missing: Set<ResourceReference>
  /// What the version that still serves needs.
  var inUse: Set<ResourceReference>
  /// When Envoy goes on without, on the clock that the test advances.
  var deadline: Duration
}
