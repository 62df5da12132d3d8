// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOCore
import Testing

@Suite("metadata that is passed on", .timeLimit(.minutes(1)))
struct MetadataForwardingTests {
  @Test("a client's metadata goes to the backend as it came: repeated, in order, its base64 untouched")
  func byDefault() async throws {
    let sent: KeyValuePairs = [
      "x-twice": "a", "x-data-bin": "AP+rAQ==,AA", "x-twice": "b, c", "user-agent": "some/1.0", "x-data-bin": "",
      "cookie": "a=1; b=2", "authorization": "Bearer x", "grpc-trace-bin": "AAA",
    ]
    let received = try await fieldsAtBackend(of: BareClient.fields("/a.B/C", sent))
    for (name, _) in sent { #expect(received.values(name) == sent.filter { $0.key == name }.map(\.value), "\(name)") }
    #expect(received[":path"] == "/a.B/C")
    #expect(received[":authority"] == "client.test")
  }

  @Test("what concerns a connection alone is not passed on, or made anew")
  func connectionFields() async throws {
    let received = try await fieldsAtBackend(
      of: BareClient.fields(["trailer": "x-sum", "content-length": "5", "grpc-timeout": "1M", "x-kept": "yes"]))
    #expect(received.values("trailer") == [])
    #expect(received.values("content-length") == [])
    #expect(received.values("te") == ["trailers"])
    #expect(received.values("content-type") == ["application/grpc"])
    #expect(received.values(":scheme") == ["http"])
    let timeouts = received.values("grpc-timeout")
    #expect(timeouts.count == 1)
    #expect(timeouts != ["1M"], "some of it has passed")
    #expect(received.values("x-kept") == ["yes"])
  }

  @Test("a response's metadata and trailers come back as they were sent, less what concerns the connection")
  func responses() async throws {
    try await withProxy(to: { call, _ in
      var fields = GRPCFields.plainResponseHeaders
      for (name, value) in [("x-twice", "a"), ("trailer", "x-sum"), ("x-data-bin", "AP8="), ("x-twice", "b")] {
        fields.append(name, value)
      }
      call.send(headers: fields)
      call.send(ByteBuffer(string: "x"))
      call.end(trailers: ["x-sum": "1", "grpc-status": "0", "x-data-bin": "AA,AQ", "x-sum": "2"])
    }) { proxy, _ async throws in
      let response = try await proxy.call(BareClient.fields())
      #expect(response.sections.count == 2)
      #expect(response.section(0).values("x-twice") == ["a", "b"])
      #expect(response.section(0).values("x-data-bin") == ["AP8="])
      #expect(response.section(0).values("trailer") == [])
      #expect(response.section(1).values("x-sum") == ["1", "2"])
      #expect(response.section(1).values("x-data-bin") == ["AA,AQ"])
      #expect(response.status == .ok)
    }
  }

  @Test("the director's metadata takes the place of the client's, and gRPC's own is passed on by itself")
  func replaced() async throws {
    let received = try await fieldsAtBackend(
      of: BareClient.fields(["x-old": "1", "x-both": "client", "grpc-encoding": "br", "user-agent": "some/1.0"]),
      metadata: ["x-both": "director", "x-new": "2"])
    #expect(received.values("x-old") == [])
    #expect(received.values("x-both") == ["director"])
    #expect(received.values("x-new") == ["2"])
    #expect(received.values("grpc-encoding") == ["br"])
    #expect(received.values("user-agent") == [])
  }

  /// `x-forwarded-for` as it comes, and as it goes on where the proxy appends to it.
  struct ForwardedFor: Sendable {
    var client: [String]
    var director: [String]?
    var expected: String
  }

  @Test(
    "the client's address is appended to x-forwarded-for behind all that is there, where that is asked for",
    arguments: [
      ForwardedFor(client: [], expected: "127.0.0.1"),
      ForwardedFor(client: ["192.0.2.1"], expected: "192.0.2.1, 127.0.0.1"),
      ForwardedFor(client: ["192.0.2.1", "192.0.2.2, ::1"], expected: "192.0.2.1, 192.0.2.2, ::1, 127.0.0.1"),
      ForwardedFor(client: ["192.0.2.1"], director: [], expected: "127.0.0.1"),
      ForwardedFor(client: ["192.0.2.1"], director: ["a", "b"], expected: "a, b, 127.0.0.1"),
    ])
  func forwardedFor(_ example: ForwardedFor) async throws {
    var fields = BareClient.fields()
    for value in example.client { fields.append("x-forwarded-for", value) }
    var metadata: Metadata? = example.director == nil ? nil : [:]
    for value in example.director ?? [] { try metadata?.append("x-forwarded-for", value) }
    var configuration = GRPCProxy.Configuration()
    configuration.appendsForwardedFor = true
    let received = try await fieldsAtBackend(of: fields, metadata: metadata, configuration)
    #expect(received.values("x-forwarded-for").joined(separator: ", ") == example.expected)
  }

  @Test("x-forwarded-for is metadata as any other where nothing is asked for")
  func forwardedForByDefault() async throws {
    #expect(try await fieldsAtBackend(of: BareClient.fields()).values("x-forwarded-for") == [])
    let received = try await fieldsAtBackend(of: BareClient.fields(["x-forwarded-for": "192.0.2.1"]))
    #expect(received.values("x-forwarded-for") == ["192.0.2.1"])
  }

  /// The headers that a backend gets of a call with one empty message.
  private func fieldsAtBackend(
    of fields: HeaderFields, metadata: Metadata? = nil,
    _ configuration: GRPCProxy.Configuration = GRPCProxy.Configuration()
  ) async throws -> HeaderFields {
    let seen = Events<HeaderFields>()
    try await withProxy(
      to: { call, fields in
        seen.send(fields)
        call.answer("")
      }, configuration: configuration,
      directing: { _, pool in
        var direction = CallDirection.to(pool)
        direction.metadata = metadata
        return direction
      }
    ) { proxy, _ async throws in
      let response = try await proxy.call(fields)
      #expect(response.status == .ok)
    }
    return try #require(await seen.next())
  }
}
