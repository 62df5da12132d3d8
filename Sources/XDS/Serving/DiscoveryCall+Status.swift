// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import SwiftProtobuf

extension DiscoveryCall {
  /// What the client has, for CSDS. Secrets are never shown.
  func clientConfig(withContents: Bool) -> Envoy_Service_Status_V3_ClientConfig {
    var configuration = Envoy_Service_Status_V3_ClientConfig()
    configuration.node = info.node
    configuration.clientScope = "stream \(info.id)"
    for state in state.types {
      let (type, set) = (state.type, publishedSet(state.type))
      configuration.genericXdsConfigs += state.status(set).map { status in
        var resource = Envoy_Service_Status_V3_ClientConfig.GenericXdsConfig()
        resource.typeURL = type.typeURL
        resource.name = status.name
        resource.versionInfo = status.version
        resource.configStatus = status.config
        resource.clientStatus = status.client
        if let refusal = status.refusal {
          resource.errorState.details = refusal.detail
          resource.errorState.versionInfo = refusal.version
        }
        if withContents, type != .secret, let current = set?[status.name], current.version == status.version {
          resource.xdsConfig = current.message
        }
        return resource
      }
    }
    return configuration
  }
}

/// What became of a resource in a client.
struct ResourceStatus {
  let name: String
  let version: String
  let config: Envoy_Service_Status_V3_ConfigStatus
  let client: Envoy_Admin_V3_ClientResourceStatus
  var refusal: TypeState.Refusal?
}

extension TypeState {
  /// What became of each resource that the client has or asked for by name; in order of name.
  func status(_ set: ResourceSet?) -> [ResourceStatus] {
    let pending = Set(outstanding.flatMap { $0.updated.map(\.name) })
    var status = sent.map { name, version in
      if let refusal = refused[name] {
        ResourceStatus(name: name, version: version, config: .error, client: .nacked, refusal: refusal)
      } else if pending.contains(name) {
        ResourceStatus(name: name, version: version, config: .stale, client: .requested)
      } else {
        ResourceStatus(
          name: name, version: version, config: set?[name]?.version == version ? .synced : .stale, client: .acked)
      }
    }
    for name in subscription.names where sent[name] == nil && set?[name].map({ sent[$0.name] == nil }) ?? true {
      let exists = set?[name] != nil
      status.append(
        ResourceStatus(name: name, version: "", config: .notSent, client: exists ? .requested : .doesNotExist))
    }
    return status.sorted { $0.name < $1.name }
  }
}
