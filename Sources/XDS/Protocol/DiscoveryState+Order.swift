// SPDX-License-Identifier: Apache-2.0

// Make before break: what is added goes out in the order in which it is used, and nothing is removed while the client
// may use it. Sources: xDS protocol, "Eventual consistency considerations"; the waiting is stricter than it asks for.

extension DiscoveryState {
  /// The next response, or nil while there is nothing to send. It is taken for sent.
  package func next(_ published: Published) -> DiscoveryResponse? {
    if !parts.isEmpty { return parts.removeFirst() }
    for state in types {
      if let set = published(state.type), let response = nextAddition(state, set, published) { return response }
    }
    guard isQuiet else { return nil }
    for state in inRemovalOrder where !state.lingering.isEmpty {
      guard let set = published(state.type), !isUserRefused(of: state.type) else { continue }
      if let response = compose(state, set, removing: .due, published) { return response }
    }
    return nil
  }

  /// A client that does not answer is no longer waited for: what it is sent still arrives in order.
  package func stopWaiting() {
    for state in types { state.isImpatient = true }
  }

  /// Something waits for the client to answer.
  package var isWaiting: Bool {
    types.contains { !$0.isImpatient && (!$0.outstanding.isEmpty || $0.isDeferred) }
  }

  /// The client has answered everything, and there is nothing to send it but removals, which may take their time.
  package func isSettled(_ published: Published) -> Bool {
    parts.isEmpty
      && types.allSatisfy { state in
        guard state.outstanding.isEmpty else { return false }
        guard !state.subscription.isEmpty, let set = published(state.type) else { return true }
        // What waits for a cluster that the client refused waits until that changes.
        guard !state.isDeferred else { return !refusals.isEmpty }
        return state.forced.isEmpty && set === state.syncedSet
      }
  }

  /// What the client stays with an older version of.
  package var refusals: [RefusedResource] {
    types.flatMap { state in
      state.refused.sorted { $0.key < $1.key }.map { name, refusal in
        RefusedResource(
          reference: ResourceReference(state.type, name), version: refusal.version, detail: refusal.detail)
      }
    }
  }

  private func nextAddition(
    _ state: TypeState, _ set: ResourceSet, _ published: Published
  ) -> DiscoveryResponse? {
    guard state.outstanding.isEmpty || state.isImpatient || state.hasDemand || !state.forced.isEmpty else { return nil }
    return compose(state, set, removing: removalsWait(state.type) ? .none : .atOnce, published)
  }

  private func compose(
    _ state: TypeState, _ set: ResourceSet, removing removal: TypeState.Removal, _ published: Published
  ) -> DiscoveryResponse? {
    guard
      let composition = state.compose(
        set, speaks, removing: removal, isReady: { resource in isReady(resource, published) })
    else { return nil }
    if state.type == .cluster { warm(composition.updated) }
    return respond(state, composition, set)
  }

  // MARK: Additions

  /// The client has the clusters that the resource uses, so that no request is sent to one that it lacks.
  ///
  /// Only where it gets all clusters unasked, as Envoy does: gRPC asks for those that its routes name.
  private func isReady(_ resource: Resource, _ published: Published) -> Bool {
    guard resource.type != .cluster, let clusters = self[.cluster], clusters.subscription.isWildcard else {
      return true
    }
    guard let set = published(.cluster) else { return true }
    return resource.references.allSatisfy { reference in
      guard reference.type == .cluster, let cluster = set.resources[reference.name] else { return true }
      return clusters.isAccepted(cluster.name) && (isWarm(cluster, published) || clusters.isImpatient)
    }
  }

  /// The client has what a cluster needs before it can be used: its endpoints and its secrets, as far as they exist.
  private func isWarm(_ cluster: Resource, _ published: Published) -> Bool {
    cluster.references.allSatisfy { reference in
      guard reference.type != .cluster, let state = self[reference.type] else { return true }
      guard published(reference.type)?[reference.name] != nil, !state.isImpatient else { return true }
      return state.isAccepted(reference.name)
    }
  }

  /// A cluster that changes is warmed anew, for which Envoy waits for its endpoints, unchanged ones too.
  private func warm(_ clusters: [Resource]) {
    let names = clusters.flatMap { $0.references.filter { $0.type == .clusterLoadAssignment }.map(\.name) }
    guard let endpoints = self[.clusterLoadAssignment] else { return warmedEarly.formUnion(names) }
    endpoints.forced.formUnion(names.filter { endpoints.sent[$0] != nil })
  }

  /// A client that comes back may be warming clusters with endpoints that it holds: clusters that it was sent before it
  /// said what it holds, or on its last stream. In the latter case Envoy asks about no clusters before endpoints came.
  func forceWarmed(_ endpoints: TypeState, _ published: Published) {
    guard endpoints.type == .clusterLoadAssignment, onlyType == nil else { return }
    let held = endpoints.sent.keys.filter { endpoints.subscription.contains(name: $0) }
    let saysNothing = self[.cluster] == nil && published(.cluster)?.resources.isEmpty == false
    endpoints.forced.formUnion(saysNothing ? held : held.filter(warmedEarly.contains))
    warmedEarly = []
  }

  // MARK: Removals

  /// Nothing is on its way to the client that may end the use of something, or begin one.
  private var isQuiet: Bool { types.allSatisfy { !$0.isBusy && !$0.isDeferred } }

  /// Says whether there is something whose use has ended and that is to be removed after a while, of which
  /// `removalWaitOver` then tells.
  ///
  /// A proxy uses a cluster after it has acknowledged the routes that do not: for requests that chose their route
  /// before, and that a callout or a body holds up. So Envoy was seen to answer 503.
  package func beginRemovalWait() -> Bool {
    guard isQuiet else { return false }
    var begins = false
    for state in types where !state.lingering.isEmpty && !isUserRefused(of: state.type) {
      for name in state.lingering.filter({ $0.value.phase == .inUse }).keys {
        state.lingering[name]?.phase = .waiting
        begins = true
      }
    }
    return begins
  }

  /// What was waiting since `beginRemovalWait` can be removed.
  package func removalWaitOver() {
    for state in types {
      for name in state.lingering.filter({ $0.value.phase == .waiting }).keys { state.lingering[name]?.phase = .due }
    }
  }

  /// Users first.
  private static let removalOrder: [ResourceType] = [
    .virtualHost, .scopedRouteConfiguration, .routeConfiguration, .extensionConfig, .cluster, .secret,
    .clusterLoadAssignment, .lbEndpoint,
  ]

  private var inRemovalOrder: [TypeState] { Self.removalOrder.compactMap { self[$0] } }

  /// Listeners, which nothing uses, are removed at once: another may be to listen where one did. So is everything
  /// where the stream has but one type.
  private func removalsWait(_ type: ResourceType) -> Bool { types.count > 1 && Self.removalOrder.contains(type) }

  /// The client stays with an older version of something that may use resources of the type.
  private func isUserRefused(of type: ResourceType) -> Bool {
    types.contains { state in
      state.type != type && Self.users.contains(state.type) && !state.refused.isEmpty
    }
  }

  private static let users: Set<ResourceType> = [
    .listener, .routeConfiguration, .scopedRouteConfiguration, .virtualHost, .extensionConfig,
  ]
}

extension TypeState {
  /// The client has not answered, and is waited for.
  var isBusy: Bool { !isImpatient && !outstanding.isEmpty }
}
