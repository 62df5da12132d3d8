// SPDX-License-Identifier: Apache-2.0
internal import XDS

// What waits for what, and which names that makes Envoy ask for.

extension EnvoyDiscoveryState {
  /// A cluster or a listener is new or changed: it waits for what it needs.
  mutating func warm(
    _ reference: ResourceReference, _ dependencies: Set<ResourceReference>, inUse: Set<ResourceReference>
  ) {
    guard reference.type == .cluster || reference.type == .listener else { return }
    // Endpoints must come anew; everything else is shared by all that use it.
    let missing = dependencies.filter { $0.type == .clusterLoadAssignment || held($0.type)[$0.name] == nil }
      .filter { $0.name != "*" }
    let inUse = waits[reference]?.inUse ?? inUse
    waits[reference] =
      missing.isEmpty
      ? nil : DiscoveryWait(missing: missing, inUse: inUse, deadline: now + configuration.initialFetchTimeout)
    guard missing.contains(where: { $0.type == .clusterLoadAssignment }) else { return }
    switch configuration.streams {
    case .aggregated: change(.clusterLoadAssignment) { $0.isDue = true }
    // Envoy gives each cluster a stream of its own for its endpoints, and one that changes a new stream.
    case .separate: change(.clusterLoadAssignment) { $0.streamOpened(isFresh: true) }
    }
  }

  /// Something came, or was said not to exist, that others may wait for.
  mutating func arrived(_ reference: ResourceReference) {
    for waiting in Array(waits.keys) where waits[waiting]?.missing.remove(reference) != nil {
      if waits[waiting]?.missing.isEmpty ?? false { waits[waiting] = nil }
    }
  }

  mutating func remove(_ reference: ResourceReference) {
    change(reference.type) { $0.held[reference.name] = nil }
    waits[reference] = nil
    arrived(reference)
  }

  /// Works out what follows once a response is taken over or time has passed.
  mutating func settle() {
    if configuration.asksByItself, !asksForListeners, clustersDeadline == nil, !isWarming(.cluster) {
      asksForListeners = true
      change(.listener) { $0.explicit.insert("*") }
    }
    interestChanged()
  }

  func isWarming(_ type: ResourceType) -> Bool { waits.keys.contains { $0.type == type } }

  /// Works out which names are needed, and forgets what nobody needs.
  mutating func interestChanged() {
    // What is forgotten needed others in turn.
    repeat {
      var interest = subscriptions.mapValues(\.explicit)
      for needed in dependencies { interest[needed.type, default: []].insert(needed.name) }
      for (type, names) in interest {
        change(type) { subscription in
          if subscription.interest != names { subscription.isDue = true }
          subscription.interest = names
        }
      }
    } while forget()
  }

  private var dependencies: Set<ResourceReference> {
    var all = Set(subscriptions.values.flatMap { $0.held.values.flatMap(\.dependencies) })
    for wait in waits.values { all.formUnion(wait.inUse) }
    return all
  }

  private mutating func forget() -> Bool {
    var forgotten = false
    for (type, subscription) in subscriptions where !subscription.interest.contains("*") {
      // An alias brings a resource of another name, which is kept as long as anything is asked for.
      let isNeeded = type == .virtualHost ? { _ in !subscription.interest.isEmpty } : { subscription.wants($0) }
      for name in subscription.held.keys where !isNeeded(name) {
        change(type) { $0.held[name] = nil }
        forgotten = true
      }
    }
    return forgotten
  }
}
