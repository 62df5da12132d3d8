// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import NIOCore
import Testing

@testable import XDS

@Suite("How a stream of discovery ends", .timeLimit(.minutes(1)))
struct StreamEndTests {
  private static let types: [ResourceType] = [
    .cluster, .clusterLoadAssignment, .listener, .routeConfiguration, .scopedRouteConfiguration, .virtualHost, .secret,
    .runtime, .extensionConfig,
  ]

  @Test("AC-2, AC-21: a server that shuts down ends idle streams of every type with OK", arguments: Variant.aggregated)
  func shutdown(variant: Variant) async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot(Self.types.map { make($0, "r") }))
    var streams: [WireStream] = []
    try await ControlPlane.run(cache) { plane in
      let channel = try await plane.channel()
      for type in Self.types {
        let stream = try await WireStream.open(channel, variant.speaks)
        try await stream.ask(type, ["r"])
        #expect(try await stream.next(type).contents == ["r": "1"])
        streams.append(stream)
      }
    }
    for stream in streams {
      #expect(try await stream.next() == nil)
      #expect(await stream.status == .ok)
    }
    #expect(cache.watchers() == 0)
  }

  enum Leaving: CaseIterable { case halfClose, cancel, closeConnection }

  @Test(
    "AC-4, AC-9, AC-54: a client that leaves is forgotten at once, and what is published for it goes nowhere",
    arguments: DiscoveryProtocol.allCases, Leaving.allCases)
  func clientLeaves(speaks: DiscoveryProtocol, leaving: Leaving) async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot(Self.types.map { make($0, "r") }))
    try await ControlPlane.run(cache) { plane in
      let channel = try await plane.channel()
      let stream = try await WireStream.open(channel, speaks)
      for type in Self.types {
        try await stream.ask(type, ["r"])
        #expect(try await stream.next(type).contents == ["r": "1"])
      }
      #expect(cache.watchers() == 1 && plane.server.service.open.count == 1)
      switch leaving {
      case .halfClose:
        stream.call.halfClose()
        #expect(await stream.status == .ok)
      case .cancel: stream.call.cancel()
      case .closeConnection: await channel.close()
      }
      try await plane.waitForStreams(0)
      #expect(cache.watchers() == 0)
      // The group is still known, and its next client is served.
      #expect(cache.keys == [""])
      let report = cache.publish(try Snapshot(Self.types.map { make($0, "r", "2") }))
      #expect(report.outcomes.isEmpty)
      let other = try await WireStream.open(try await plane.channel(), speaks)
      try await other.ask(.cluster)
      #expect(try await other.next(.cluster).contents == ["r": "2"])
    }
  }

  @Test("bytes that are no request end the stream with INVALID_ARGUMENT", arguments: Variant.all)
  func garbage(variant: Variant) async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot([make(.cluster, "a")]))
    try await ControlPlane.run(cache) { plane in
      let stream = try await WireStream.open(
        try await plane.channel(), variant.speaks, variant.isAggregated ? nil : .cluster)
      try await stream.ask(.cluster)
      _ = try await stream.next(.cluster)
      try await stream.call.send(ByteBuffer(bytes: [0x0a, 0xff, 0x01]))
      #expect(
        await stream.status == GRPCStatus(.invalidArgument, "the bytes received are not a discovery request"))
      #expect(plane.server.service.open.isEmpty && cache.watchers() == 0)
    }
  }

  @Test("AC-8, AC-21: an aggregated stream without a type is INVALID_ARGUMENT", arguments: DiscoveryProtocol.allCases)
  func missingType(speaks: DiscoveryProtocol) async throws {
    try await ControlPlane.run(SnapshotCache()) { plane in
      let stream = try await WireStream.open(try await plane.channel(), speaks)
      try await stream.ask(ResourceType(typeURL: ""))
      #expect(await stream.status.code == .invalidArgument)
    }
  }

  @Test("AC-14, AC-110: a node that changes ends the stream, the same one does not", arguments: Variant.all)
  func otherNode(variant: Variant) async throws {
    let cache = SnapshotCache(group: .byID)
    for node in ["one", "two"] { cache.publish(try Snapshot([make(.cluster, "a", node)]), for: node) }
    try await ControlPlane.run(cache) { plane in
      let stream = try await WireStream.open(
        try await plane.channel(), variant.speaks, variant.isAggregated ? nil : .cluster)
      try await stream.ask(.cluster, node: "one")
      #expect(try await stream.next(.cluster).contents == ["a": "one"])
      if variant.speaks == .delta {
        try await stream.ask(.cluster, ["a"], node: "one")
        #expect(try await stream.next(.cluster).contents == ["a": "one"])
      }
      try await stream.ask(.cluster, node: "two")
      await #expect(throws: GRPCStatus(.invalidArgument, "node 'two' on a stream of node 'one'")) {
        try await stream.next()
      }
      #expect(cache.watchers(node: "two") == 0)
    }
  }
}
