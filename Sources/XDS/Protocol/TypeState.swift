// SPDX-License-Identifier: Apache-2.0

/// One type of resource on one stream: what the client wants, what it was sent, and what it said of that.
///
/// A class, for as a value its many parts would be copied where it is looked at.
package final class TypeState {
  package let type: ResourceType
  package internal(set) var subscription: Subscription

  /// Versions by name of what the client was sent last and has not let go, refused ones too.
  ///
  /// A client that has a whole set shares the storage of that set's `versions`.
  package internal(set) var sent: [String: String] = [:]
  /// The set that `sent` was made of, or nil when the two have to be compared.
  var syncedSet: ResourceSet?
  /// Names to be sent although nothing changed: the client asked again, or waits for them anew.
  var forced: Set<String> = []
  /// Resources that the client has and the set no longer: to be removed once nothing uses them.
  var lingering: [String: Lingering] = [:]
  /// Some resources wait until the client has what they use.
  var isDeferred = false
  /// The first request is answered even if there is nothing.
  var isAwaitingFirst = true
  /// The subscription changed since the last response.
  var hasDemand = false

  /// Responses that the client has not answered, oldest first.
  var outstanding: [Outstanding] = []
  /// What the client refused, by name. It is not sent again before something changes.
  package internal(set) var refused: [String: Refusal] = [:]
  /// The version of the last response that the client accepted on this stream.
  var acceptedVersion: String?
  /// The nonce of the last response.
  var lastNonce: String?
  /// The client takes too long to answer: no longer wait for it.
  var isImpatient = false

  struct Outstanding: Sendable {
    let nonce: String
    let version: String
    /// What `sent` was before.
    let before: [String: String]
    let updated: [Resource]
    let removed: [String]
  }

  /// A resource on its way out.
  struct Lingering: Sendable {
    /// Itself, for responses that are whole; nil where the client had it from an earlier stream.
    let resource: Resource?
    var phase = Phase.inUse

    enum Phase { case inUse, waiting, due }
  }

  /// Why a resource was refused.
  package struct Refusal: Sendable, Equatable {
    package let version: String
    /// In the client's words.
    package let detail: String
    /// The client had no other version of it.
    let isNew: Bool
    /// The response that was refused.
    let nonce: String
  }

  init(_ type: ResourceType, allowsLegacyWildcard: Bool) {
    self.type = type
    subscription = Subscription(allowsLegacyWildcard: allowsLegacyWildcard)
  }

  /// The client has accepted some version of the resource.
  func isAccepted(_ name: String) -> Bool {
    guard sent[name] != nil, refused[name]?.isNew != true else { return false }
    guard let first = outstanding.first, !isImpatient else { return true }
    return first.before[name] != nil
  }

  // MARK: Answers

  /// Takes note of an answer to a response, if it is one.
  func answer(_ nonce: String, _ error: String?) -> DiscoveryEvent? {
    guard let index = outstanding.firstIndex(where: { $0.nonce == nonce }) else { return nil }
    // A client answers in order, so that an answer speaks for those before it too.
    for accepted in outstanding[..<index] { accept(accepted) }
    let answered = outstanding[index]
    outstanding.removeSubrange(...index)
    isImpatient = false
    guard let error else {
      accept(answered)
      return .acknowledged(type, nonce: nonce)
    }
    for resource in answered.updated where sent[resource.name] == resource.version {
      refused[resource.name] = Refusal(
        version: resource.version, detail: error,
        isNew: answered.before[resource.name] == nil || refused[resource.name]?.isNew == true,
        nonce: nonce)
    }
    return .refused(type, nonce: nonce, names: answered.updated.map(\.name), detail: error)
  }

  private func accept(_ response: Outstanding) {
    acceptedVersion = response.version
    guard !refused.isEmpty else { return }
    for resource in response.updated { refused[resource.name] = nil }
    for name in response.removed { refused[name] = nil }
  }

  // MARK: Subscriptions

  /// State of the World: `names` are all that the client wants.
  func subscribe(to names: [String], version: String, _ set: ResourceSet?, isFirst: Bool) {
    let before = subscription
    subscription.set(names)
    if isFirst, type.isFullState, subscription.isWildcard, let set, version == set.version {
      // It has all of this from an earlier stream.
      sent = set.versions
      syncedSet = set
      acceptedVersion = version
      isAwaitingFirst = false
    }
    guard subscription != before, !isFirst else { return }
    if subscription.isEmpty { isDeferred = false }
    forced = forced.filter { subscription.contains(name: $0) }
    hasDemand = true
    syncedSet = nil
    forgetUnwanted(set)
  }

  /// Delta: what the client wants in addition, and what no longer.
  func subscribe(
    _ names: [String], unsubscribe: [String], held: [String: String], _ set: ResourceSet?, isFirst: Bool
  ) {
    if isFirst { sent = held }
    let before = subscription
    subscription.update(subscribe: names, unsubscribe: unsubscribe)
    for name in names {
      hasDemand = true
      guard name != "*", !name.hasSuffix("/*") else {
        syncedSet = nil
        continue
      }
      // A name that is asked for is answered, whether the client has it or it does not exist; but at first it says
      // itself what it has.
      if !isFirst || sent[set?.aliases[name] ?? name] == nil { forced.insert(name) }
    }
    let dropped = before.names.subtracting(subscription.names)
    if subscription.isWildcard {
      // The client lets them go, although it wants everything: it has to be told again.
      forced.formUnion(dropped)
      hasDemand = hasDemand || !dropped.isEmpty
    } else if !dropped.isEmpty || before.isWildcard || before.prefixes != subscription.prefixes {
      if subscription.isEmpty { isDeferred = false }
      forced.subtract(dropped)
      forgetUnwanted(set)
    }
  }

  /// The client let go of what it unsubscribed from.
  private func forgetUnwanted(_ set: ResourceSet?) {
    for name in sent.keys {
      let isWanted = set?.resources[name].map { subscription.contains($0) } ?? subscription.contains(name: name)
      guard !isWanted else { continue }
      sent[name] = nil
      refused[name] = nil
      lingering[name] = nil
    }
  }
}
