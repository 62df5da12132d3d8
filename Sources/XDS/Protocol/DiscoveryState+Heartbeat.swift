// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

// Resources with a TTL: clients drop what they do not hear of in time.

extension DiscoveryState {
  /// There is something that the client would drop without a heartbeat.
  package func needsHeartbeat(_ published: Published) -> Bool {
    (speaks == .delta || wrapsResources)
      && types.contains { published($0.type)?.hasTTL == true && !$0.subscription.isEmpty }
  }

  /// Tells the client that what it has is still there: for each type a response, which it acknowledges, without
  /// contents. Nothing that it was not sent is in it, and nothing in an older version.
  package func heartbeat(_ published: Published) -> [DiscoveryResponse] {
    guard needsHeartbeat(published) else { return [] }
    return types.compactMap { state in
      guard let set = published(state.type), set.hasTTL, state.outstanding.isEmpty else { return nil }
      // State of the World: a client takes it for a heartbeat by the version that it accepted last.
      guard speaks == .delta || state.acceptedVersion != nil else { return nil }
      let resources = set.resources.values
        .filter {
          state.sent[$0.name] == $0.version && state.refused[$0.name] == nil && state.subscription.contains($0)
        }
        .sorted { $0.name < $1.name }
      let brief = resources.filter { $0.ttl != nil }
      guard !brief.isEmpty else { return nil }
      // What a whole response lacks is deleted, so that a heartbeat of such a type has everything, with its contents.
      let isWhole = speaks == .stateOfTheWorld && state.type.isFullState
      guard !isWhole || (state.refused.isEmpty && state.lingering.isEmpty && state.syncedSet === set) else {
        return nil
      }
      let told = isWhole ? resources : brief
      let response = DiscoveryResponse(
        type: state.type, nonce: makeNonce(), version: state.acceptedVersion ?? set.version, names: told.map(\.name),
        removed: [],
        body: ByteBuffer(concatenating: told.map { isWhole ? field($0) : $0.heartbeatField(speaks) }))
      state.outstanding.append(
        TypeState.Outstanding(
          nonce: response.nonce, version: response.version, before: state.sent, updated: [], removed: []))
      state.lastNonce = response.nonce
      return response
    }
  }
}
