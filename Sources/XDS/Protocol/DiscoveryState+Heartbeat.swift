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
      let resources = set.resources.values
        .filter { $0.ttl != nil && state.sent[$0.name] == $0.version && state.refused[$0.name] == nil }
        .sorted { $0.name < $1.name }
      guard !resources.isEmpty else { return nil }
      let response = DiscoveryResponse(
        type: state.type, nonce: makeNonce(), version: set.version, names: resources.map(\.name), removed: [],
        body: ByteBuffer(concatenating: resources.map { $0.heartbeatField(speaks) }))
      state.outstanding.append(
        TypeState.Outstanding(nonce: response.nonce, before: state.sent, updated: [], removed: []))
      state.lastNonce = response.nonce
      return response
    }
  }
}
