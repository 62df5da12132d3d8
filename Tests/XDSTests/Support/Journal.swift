// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import NIOConcurrencyHelpers
import SwiftProtobuf

@testable import XDS

/// What happens one after the other, for one task to wait for and to look at.
final class Journal: Sendable {
  private let entries = NIOLockedValueBox<[String]>([])
  private let changes: AsyncStream<Void>
  private let changed: AsyncStream<Void>.Continuation

  init() { (changes, changed) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

  var all: [String] { entries.withLockedValue { $0 } }

  func note(_ entry: String) {
    entries.withLockedValue { $0.append(entry) }
    changed.yield()
  }

  /// Waits until something is there that fits.
  func wait(until isThere: ([String]) -> Bool) async throws {
    var iterator = changes.makeAsyncIterator()
    while !isThere(all) { guard await iterator.next() != nil else { throw CancellationError() } }
  }
}

extension DiscoveryCache {
  /// How many streams hear of what is published of a type for a node.
  func watchers(_ type: ResourceType = .cluster, node: String = "node") -> Int {
    feed(for: .with { $0.id = node }, type: type)?.progress().count ?? 0
  }

  /// Waits until as many hear of it, which nobody tells.
  func waitForWatchers(_ count: Int, _ type: ResourceType = .cluster, node: String = "node") async throws {
    while watchers(type, node: node) != count {
      try Task.checkCancellation()
      await Task.yield()
    }
  }
}
