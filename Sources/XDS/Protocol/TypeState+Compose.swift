// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

extension TypeState {
  /// What a response is to hold.
  struct Composition {
    /// What is new to the client or has changed.
    var updated: [Resource] = []
    var removed: [String] = []
    /// All resources of the response, in order of name: those that the client has already too, where the type's
    /// responses are whole.
    var resources: [Resource] = []
    var version = ""
    /// Every stream that has the same gets these bytes.
    var sharedBody: ByteBuffer?
  }

  /// Which resources may be removed that are gone.
  enum Removal {
    /// All: nothing uses them.
    case atOnce
    /// Those that nothing has used for a while.
    case due
    case none
  }

  /// What is to be sent of a set now, or nil for nothing.
  ///
  /// - Parameters:
  ///   - removal: what may be removed.
  ///   - isReady: the client has all that the resource uses.
  func compose(
    _ set: ResourceSet, _ speaks: DiscoveryProtocol, removing removal: Removal, isReady: (Resource) -> Bool
  ) -> Composition? {
    guard !subscription.isEmpty, needsComposing(set, removal) else { return nil }
    let isFirst = isAwaitingFirst
    let changes = differences(to: set)
    var composition = Composition(updated: changes.updated, version: set.version)

    let ready = changes.updated.filter(isReady)
    isDeferred = ready.count < changes.updated.count
    if isDeferred {
      // A whole response without a listener would delete it: so that all wait for the one.
      if speaks == .stateOfTheWorld, type.isFullState { return nil }
      composition.updated = ready
    }
    let hasForced = addForced(from: set, to: &composition, speaks)
    hold(changes.removed, set, removal, &composition)
    let hasRefused = addRefused(from: set, to: &composition)

    hasDemand = false
    isAwaitingFirst = false
    let isEmpty = composition.updated.isEmpty && composition.removed.isEmpty
    // Of what was sent in part, the rest has to be found by comparing.
    defer { syncedSet = isDeferred ? nil : set }
    guard !isEmpty || (isFirst && subscription.isWildcard) else { return nil }
    let isShared = !hasForced && !hasRefused && composition.updated.count == changes.updated.count
    switch speaks {
    case .delta:
      composition.resources = composition.updated
      if isShared { composition.sharedBody = changes.deltaBody }
    case .stateOfTheWorld:
      completeWorld(&composition, set)
      guard type.isFullState || !composition.resources.isEmpty || isFirst else {
        record(composition, set)
        return nil
      }
    }
    return composition
  }

  private func needsComposing(_ set: ResourceSet, _ removal: Removal) -> Bool {
    isAwaitingFirst || hasDemand || isDeferred || syncedSet !== set || !forced.isEmpty
      || (removal == .due && lingering.values.contains { $0.phase == .due })
  }

  /// What the client has not of the set, and has beside it.
  private func differences(to set: ResourceSet) -> ResourceChanges {
    if let syncedSet {
      if syncedSet === set { return .none }
      let changes = set.changes(since: syncedSet)
      if subscription.isWildcard, lingering.isEmpty, !isDeferred { return changes }
      return ResourceChanges(
        updated: changes.updated.filter { subscription.contains($0) && sent[$0.name] != $0.version },
        removed: changes.removed.filter { sent[$0] != nil })
    }
    if subscription.isWildcard { return sent.isEmpty ? set.whole : ResourceChanges(from: sent, to: set) }
    return ResourceChanges(
      updated: wanted(of: set).filter { sent[$0.name] != $0.version },
      removed: sent.keys.filter { set.resources[$0] == nil }.sorted())
  }

  /// The resources of a set that the client wants, in order of name.
  private func wanted(of set: ResourceSet) -> [Resource] {
    let wanted: [Resource]
    if subscription.isWildcard || !subscription.prefixes.isEmpty {
      wanted = set.resources.values.filter { subscription.contains($0) }
    } else {
      var unique: [String: Resource] = [:]
      for name in subscription.names { if let resource = set[name] { unique[resource.name] = resource } }
      wanted = Array(unique.values)
    }
    return wanted.sorted { $0.name < $1.name }
  }

  /// What the client asked for again, whether it changed or not. Delta tells of names that do not exist.
  private func addForced(
    from set: ResourceSet, to composition: inout Composition, _ speaks: DiscoveryProtocol
  ) -> Bool {
    guard !forced.isEmpty else { return false }
    var known = Set(composition.updated.map(\.name))
    for name in forced.sorted() {
      if let resource = set[name] {
        if known.insert(resource.name).inserted { composition.updated.append(resource) }
      } else if speaks == .delta {
        composition.removed.append(name)
      }
    }
    forced = []
    composition.updated.sort { $0.name < $1.name }
    return true
  }

  /// Puts off removals as long as something may use the resources.
  private func hold(
    _ gone: [String], _ set: ResourceSet, _ removal: Removal, _ composition: inout Composition
  ) {
    for name in gone where lingering[name] == nil {
      lingering[name] = Lingering(resource: syncedSet?.resources[name])
    }
    // What came back, or was let go, need not be removed.
    for name in lingering.keys where sent[name] == nil || set.resources[name] != nil { lingering[name] = nil }
    guard removal != .none else { return }
    let names = lingering.filter { removal == .atOnce || $0.value.phase == .due }.keys
    composition.removed = Set(composition.removed).union(names).sorted()
    for name in names { lingering[name] = nil }
  }

  /// A client may have accepted a part of what it refused, and refused a part for the sake of the rest: it gets all of
  /// that response again once something of it changes.
  private func addRefused(from set: ResourceSet, to composition: inout Composition) -> Bool {
    guard !refused.isEmpty else { return false }
    let known = Set(composition.updated.map(\.name))
    let nonces = Set(
      (composition.updated.map { ($0.name, $0.version) } + composition.removed.map { ($0, "") })
        .compactMap { name, version in refused[name].flatMap { $0.version == version ? nil : $0.nonce } })
    let again = refused.filter { nonces.contains($0.value.nonce) && !known.contains($0.key) }.keys
    composition.updated += again.compactMap { set.resources[$0] }
    composition.updated.sort { $0.name < $1.name }
    return !again.isEmpty
  }

  /// State of the World: everything, where the type is told whole.
  private func completeWorld(_ composition: inout Composition, _ set: ResourceSet) {
    guard type.isFullState else { return composition.resources = composition.updated }
    let kept = lingering.values.compactMap(\.resource)
    if subscription.isWildcard, kept.isEmpty { composition.sharedBody = set.sotwBody }
    composition.resources = (wanted(of: set) + kept).sorted { $0.name < $1.name }
    // What is more than the set must not pass for it when the client comes back with this version.
    if !kept.isEmpty { composition.version += "+" }
  }

  /// Takes a composition for sent.
  func record(_ composition: Composition, _ set: ResourceSet) {
    for name in composition.removed {
      sent[name] = nil
      // Of State of the World, whose clients are not told and so do not answer.
      if composition.resources.isEmpty { refused[name] = nil }
    }
    if subscription.isWildcard, lingering.isEmpty, !isDeferred {
      // Shares the storage with all streams that have the same.
      sent = set.versions
    } else {
      for resource in composition.updated { sent[resource.name] = resource.version }
    }
  }
}

extension ResourceChanges {
  static let none = ResourceChanges(updated: [], removed: [])
}
