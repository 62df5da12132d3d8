// SPDX-License-Identifier: Apache-2.0
internal import NIOConcurrencyHelpers
package import NIOCore

/// What a client lacks of a set of resources.
package final class ResourceChanges: Sendable {
  /// Those that it has not, or in another version; in order of name.
  package let updated: [Resource]
  /// The names of those that it has and the set has not; in order.
  package let removed: [String]
  private let body = NIOLockedValueBox<ByteBuffer?>(nil)

  package init(updated: [Resource], removed: [String]) {
    self.updated = updated
    self.removed = removed
  }

  convenience init(from held: [String: String], to set: ResourceSet) {
    self.init(
      updated: set.resources.values.filter { held[$0.name] != $0.version }.sorted { $0.name < $1.name },
      removed: held.keys.filter { set.resources[$0] == nil }.sorted())
  }

  package var isEmpty: Bool { updated.isEmpty && removed.isEmpty }

  /// The updated resources as fields of a `DeltaDiscoveryResponse`. Made once for all streams.
  package var deltaBody: ByteBuffer {
    body.withLockedValue { body in
      if let body { return body }
      let made = ByteBuffer(concatenating: updated.map(\.deltaField))
      body = made
      return made
    }
  }
}
