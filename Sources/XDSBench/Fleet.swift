// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import Foundation
import NIOConcurrencyHelpers
import NIOCore
import XDS

/// The clusters that are served, and the service by which the process of the clients has them changed.
final class Fleet: Sendable {
  private let cache: SnapshotCache
  private let clusters: Int
  private let size: Int
  private let state: NIOLockedValueBox<State>

  private struct State {
    var set: ResourceSet
    /// Resources that were encoded, those of the beginning excepted.
    var encoded = 0
  }

  init(_ cache: SnapshotCache, clusters: Int, size: Int) {
    self.cache = cache
    self.clusters = clusters
    self.size = size
    let set = ResourceSet.empty(.cluster).changing(updates: (0..<clusters).map { Self.cluster($0, 0, size) })
    state = NIOLockedValueBox(State(set: set))
    publish(set)
  }

  /// `Publish` changes clusters, as many as it is asked to; `Usage` changes nothing.
  var service: GRPCService {
    GRPCService(
      Control.service,
      methods: [
        GRPCMethod("Publish") { [self] (requests, responses, _) in
          for try await request in requests {
            let change = try JSONDecoder().decode(Control.Change.self, from: Data(request.readableBytesView))
            try await responses.send(Control.encode(publish(change)))
          }
        },
        GRPCMethod("Usage") { [self] (requests, responses, _) in
          for try await _ in requests { try await responses.send(Control.encode(usage)) }
        },
      ])
  }

  private func publish(_ change: Control.Change) -> Control.Published {
    state.withLockedValue { state in
      let changed = (0..<change.clusters).map { Self.cluster($0, change.number, size) }
      state.encoded += changed.count
      let start = NIODeadline.now()
      state.set = state.set.changing(updates: changed)
      publish(state.set)
      let end = NIODeadline.now()
      return Control.Published(returned: end.uptimeNanoseconds, took: (end - start).nanoseconds)
    }
  }

  private func publish(_ set: ResourceSet) {
    var snapshot = Snapshot()
    snapshot[.cluster] = set
    cache.publish(snapshot)
  }

  private var usage: Control.Usage {
    Control.Usage(
      clusters: clusters, encoded: state.withLockedValue(\.encoded), processorNanoseconds: ProcessLimits.processorTime,
      residentBytes: ProcessLimits.residentBytes)
  }

  /// `Cluster`: the name (1), and an `alt_stat_name` (28) that makes it long and different.
  private static func cluster(_ index: Int, _ version: Int, _ size: Int) -> Resource {
    let name = "cluster-\(index)"
    let content = Array("\(version) ".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: size)
    var body = ByteBuffer()
    body.writeField(1, length: name.utf8.count)
    body.writeString(name)
    // The tag of field 28 has two bytes.
    body.writeInteger(UInt8(0xE2))
    body.writeField(0, length: content.count)
    body.writeBytes(content)
    return Resource(.cluster, name: name, body: Array(body.readableBytesView))
  }
}
