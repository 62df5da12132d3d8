// SPDX-License-Identifier: Apache-2.0

/// A whole configuration: resources of any types, which belong together.
public struct Snapshot: Sendable {
  public private(set) var sets: [ResourceType: ResourceSet] = [:]

  /// A configuration without anything.
  public init() {}

  /// A configuration of these resources.
  ///
  /// - Parameters:
  ///   - version: that of each type, made of its content when it is nil. A version that was given once must not be
  ///     given to other content: clients would believe that they have it.
  ///   - previous: a snapshot whose sets are taken over where nothing changed.
  ///
  /// Throws when two resources of a type have the same name.
  public init(
    _ resources: [Resource], version: String? = nil, reusing previous: Snapshot? = nil
  ) throws(DuplicateResource) {
    for (type, resources) in Dictionary(grouping: resources, by: \.type) {
      let set = try ResourceSet(type, resources, version: version)
      let old = previous?.sets[type]
      sets[type] = old?.version == set.version && old?.versions == set.versions ? old : set
    }
  }

  /// The resources of a type; none where the snapshot has none of it.
  public subscript(type: ResourceType) -> ResourceSet? {
    get { sets[type] }
    set { sets[type] = newValue }
  }

  /// The resources of all types, in the order in which additions are sent.
  public var resources: [Resource] {
    sets.sorted { $0.key.additionRank < $1.key.additionRank }
      .flatMap { $0.value.resources.values.sorted { $0.name < $1.name } }
  }
}
