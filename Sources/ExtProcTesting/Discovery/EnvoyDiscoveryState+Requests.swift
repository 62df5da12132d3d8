// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import EnvoyAPI
internal import XDS

extension EnvoyDiscoveryState {
  /// The requests that were not taken yet, in order.
  mutating func takeRequests() -> ArraySlice<Request> {
    defer { nextRequest = requests.count }
    return requests[nextRequest...]
  }

  /// Makes the requests that are due.
  ///
  /// - Parameter type: the type of the response just received: what follows from it is asked for before it is answered.
  mutating func send(lastly type: ResourceType? = nil) {
    let types = subscriptions.keys.sorted { ($0.additionRank, $0.typeURL) < ($1.additionRank, $1.typeURL) }
      .filter { !isPaused($0) }
    switch configuration.variant {
    case .stateOfTheWorld:
      for other in types where other != type { sendNames(other) }
      if let type, types.contains(type) { sendNames(type) }
    case .incremental:
      for type in types { sendChanges(type) }
      for other in types where other != type { sendAnswers(other) }
      if let type, types.contains(type) { sendAnswers(type) }
    }
  }

  /// While clusters are in warming, Envoy says nothing about clusters on a stream of all types.
  private func isPaused(_ type: ResourceType) -> Bool {
    type == .cluster && configuration.streams == .aggregated && asksForListeners && isWarming(.cluster)
  }

  // MARK: State of the World

  private mutating func sendNames(_ type: ResourceType) {
    guard var subscription = subscriptions[type], subscription.isDue else { return }
    subscription.isDue = false
    defer { subscriptions[type] = subscription }
    guard subscription.wasRequested || !subscription.interest.isEmpty else { return }
    var request = Envoy_Service_Discovery_V3_DiscoveryRequest()
    if isFirst(subscription) { request.node = configuration.node }
    request.typeURL = type.typeURL
    request.versionInfo = subscription.version
    request.responseNonce = subscription.nonce
    request.resourceNames = names(subscription)
    if let refusal = subscription.refusal { request.errorDetail = .refusal(refusal) }
    subscription.refusal = nil
    subscription.told = subscription.interest
    subscription.wasRequested = true
    requests.append(.stateOfTheWorld(request))
  }

  // MARK: Incremental

  private mutating func sendChanges(_ type: ResourceType) {
    guard var subscription = subscriptions[type], subscription.interest != subscription.told else { return }
    var request = Envoy_Service_Discovery_V3_DeltaDiscoveryRequest()
    request.typeURL = type.typeURL
    if subscription.wasRequested {
      request.resourceNamesSubscribe = subscription.interest.subtracting(subscription.told).sorted()
      request.resourceNamesUnsubscribe = subscription.told.subtracting(subscription.interest).sorted()
    } else {
      if isFirst(subscription) { request.node = configuration.node }
      request.resourceNamesSubscribe = names(subscription)
      if !subscription.isFresh { request.initialResourceVersions = subscription.held.mapValues(\.version) }
    }
    subscription.told = subscription.interest
    subscription.wasRequested = true
    subscriptions[type] = subscription
    requests.append(.incremental(request))
  }

  private mutating func sendAnswers(_ type: ResourceType) {
    for (nonce, refusal) in subscriptions[type]?.answers ?? [] {
      var request = Envoy_Service_Discovery_V3_DeltaDiscoveryRequest()
      request.typeURL = type.typeURL
      request.responseNonce = nonce
      if let refusal { request.errorDetail = .refusal(refusal) }
      requests.append(.incremental(request))
    }
    change(type) { $0.answers = [] }
  }

  // MARK: Both

  /// Whether the next request is the first of its stream.
  private func isFirst(_ subscription: DiscoverySubscription) -> Bool {
    switch configuration.streams {
    case .aggregated: !subscriptions.values.contains(where: \.wasRequested)
    case .separate: !subscription.wasRequested
    }
  }

  /// No names at all mean all of them, until a name is sent.
  private func names(_ subscription: DiscoverySubscription) -> [String] {
    subscription.interest == ["*"] && !configuration.namesWildcard && subscription.told.isSubset(of: ["*"])
      ? [] : subscription.interest.sorted()
  }
}

extension Google_Rpc_Status {
  /// What a NACK has as its `error_detail`; Envoy's code is INTERNAL.
  static func refusal(_ reason: String) -> Google_Rpc_Status {
    var status = Google_Rpc_Status()
    status.code = Int32(GRPCStatus.Code.internal.rawValue)
    status.message = reason
    return status
  }
}
