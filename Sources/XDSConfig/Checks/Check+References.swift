// SPDX-License-Identifier: Apache-2.0
internal import ConfigurationFile
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import NIOCore
internal import XDS

extension ConfigurationCheck {
  /// What is referred to exists, and what only references bring to life is referred to.
  func references(_ decoded: DecodedResources, _ resources: [Resource]) -> [ConfigurationProblem] {
    let existing = Set(resources.map(\.reference)).union(staticClusters.map { ResourceReference(.cluster, $0) })
    var problems: [ConfigurationProblem] = []
    for (place, reference) in decoded.references where !existing.contains(reference) {
      problems.append(missing(reference, place, existing))
    }
    let used = Set(decoded.references.map(\.reference))
    for resource in resources where [.clusterLoadAssignment, .routeConfiguration].contains(resource.type) {
      guard !used.contains(resource.reference) else { continue }
      problems.append(
        .init(
          .warning, .unusedResource, in: "\(resource.reference)",
          resource.type == .routeConfiguration
            ? "no listener asks for these routes; name them in one, or leave them out"
            : "no cluster asks for these endpoints; give one the type EDS and this name, or leave them out"))
    }
    return problems
  }

  private func missing(
    _ reference: ResourceReference, _ place: String, _ existing: Set<ResourceReference>
  ) -> ConfigurationProblem {
    let names = existing.filter { $0.type == reference.type }.map(\.name)
    if reference.type == .cluster {
      return .init(
        .error, .unknownCluster, in: place,
        "there is no cluster '\(reference.name)': \(oneOf(names, none: "there is none at all"))")
    }
    return .init(
      .error, .missingResource, in: place,
      "it needs the \(reference), which does not exist: \(oneOf(names, none: "there is none at all"))")
  }

  /// Names that are there twice.
  func duplicates(_ resources: [Resource]) -> [ConfigurationProblem] {
    Dictionary(grouping: resources, by: \.reference).filter { $0.value.count > 1 }.map(\.key)
      .sorted { $0.name < $1.name }.map {
        .init(.error, .duplicate, in: "\($0)", "there are two of that name; rename one")
      }
  }

  /// Listeners of the same address.
  func addresses(_ decoded: DecodedResources) -> [ConfigurationProblem] {
    var owners: [AddressMessage: String] = [:]
    return decoded.listeners.compactMap { listener in
      guard listener.hasAddress, listener.address.socketAddress.portValue != 0 || !listener.address.pipe.path.isEmpty
      else { return nil }
      guard let owner = owners.updateValue(listener.name, forKey: listener.address), owner != listener.name else {
        return nil
      }
      return .init(
        .error, .duplicate, in: "\(ResourceType.listener) '\(listener.name)'",
        "it has the address of '\(owner)'; give it another")
    }
  }

  /// Types of which all resources together are more than a message may be.
  func sizes(_ resources: [Resource]) -> [ConfigurationProblem] {
    let sizes = Dictionary(grouping: resources, by: \.type).mapValues {
      $0.reduce(0) { $0 + $1.deltaField.readableBytes }
    }
    return sizes.filter { $0.value > messageLimit }.sorted { $0.key.typeURL < $1.key.typeURL }.map {
      .init(
        .warning, .size, in: "resources of the type \($0.key)",
        "together they have \($0.value) bytes, and a message may have \(messageLimit); use delta xDS, or fewer")
    }
  }
}
