// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import ExtAuthz
import ExtProcTesting
import NIOCore
import SwiftProtobuf
import Testing

@Suite("Requests that are asked about")
struct CheckRequestTests {
  private func request(_ message: CheckRequestMessage) throws -> CheckRequest {
    try CheckRequest(serialized: ByteBuffer(bytes: try message.serializedBytes() as [UInt8]))
  }

  @Test("everything that Envoy sends can be read")
  func everything() throws {
    var message = CheckRequestMessage.check(
      "POST", "/path?q=1", headers: ["x-a": "1", "x-a": "2"]
    ).withBody("abc").withSource("10.1.2.3", port: 42).withContextExtensions(["tier": "gold"])
      .withMetadata(["k": "v"], in: "ns")
    message.attributes.request.http.id = "7"
    message.attributes.request.time.seconds = 1_700_000_000
    message.attributes.tlsSession.sni = "sni.example"
    message.attributes.source.service = "web"
    message.attributes.source.labels = ["zone": "a"]
    message.attributes.source.principal = "spiffe://x"
    message.attributes.source.certificate = "PEM"
    message.attributes.destination.address.pipe.path = "/run/x.sock"
    message.attributes.metadataContext.typedFilterMetadata = ["t": .with { $0.typeURL = "type/A" }]
    message.attributes.routeMetadataContext.filterMetadata = ["r": .with { $0.fields = ["k": 2] }]
    message.attributes.routeMetadataContext.typedFilterMetadata = ["rt": .with { $0.typeURL = "type/B" }]
    let request = try request(message)
    #expect(request.method == "POST" && request.path == "/path?q=1" && request.host == "test.example")
    #expect(request.scheme == "http" && request.protocol == "HTTP/1.1" && request.id == "7" && request.size == 3)
    #expect(request.headers["X-A"] == "1,2" && request.headers.path == "/path?q=1" && request.headers["b"] == nil)
    #expect(String(buffer: request.body) == "abc")
    #expect(request.source.address == "10.1.2.3" && request.source.port == 42 && request.source.service == "web")
    #expect(request.source.labels == ["zone": "a"] && request.source.principal == "spiffe://x")
    #expect(request.source.certificate == "PEM")
    #expect(request.destination.address == "/run/x.sock" && request.destination.port == nil)
    #expect(request.serverName == "sni.example" && request.time?.seconds == 1_700_000_000)
    #expect(request.contextExtensions == ["tier": "gold"])
    #expect(request.filterMetadata["ns"]?.fields["k"] == "v" && request.typedFilterMetadata["t"]?.typeURL == "type/A")
    #expect(request.routeMetadata["r"]?.fields["k"] == 2 && request.typedRouteMetadata["rt"]?.typeURL == "type/B")
    #expect(request.message == message)
  }

  @Test("nothing at all can be read too")
  func nothing() throws {
    let request = try request(CheckRequestMessage())
    #expect(request.method == "" && request.size == 0 && request.body.readableBytes == 0)
    #expect(request.headers.path == nil && request.source.address == "" && request.source.port == nil)
    #expect(request.serverName == nil && request.time == nil && request.contextExtensions.isEmpty)
    #expect(request.filterMetadata.isEmpty && request.message == CheckRequestMessage())
    #expect(try self.request(.with { $0.attributes.request.http.size = -1 }).size == nil)
  }

  @Test("raw headers come before the map, in any case, several of a name, and as bytes")
  func rawHeaders() throws {
    let raw = CheckRequestMessage.check(headers: ["x-a": "map"])
      .withRawHeaders(["X-A": [0xff, 0x61], "x-a": Array("2".utf8)])
    let request = try request(raw)
    #expect(request.headers.bytes(of: "x-a") == [0xff, 0x61] && request.headers["x-A"] == "\u{fffd}a")
    #expect(request.headers.values(of: "x-a") == ["\u{fffd}a", "2"] && request.headers.path == nil)
  }

  @Test("a body of bytes comes before one of text")
  func body() throws {
    let request = try request(.check("POST").withBody("text").withBody(bytes: [0xff, 0]))
    #expect(Array(buffer: request.body) == [0xff, 0])
  }

  @Test("a message in parts is what the parts say together, as generated code has it")
  func parts() throws {
    let (first, second) = (
      CheckRequestMessage.check("GET", "/a", headers: ["x-a": "1"]), CheckRequestMessage.check("PUT")
    )
    let bytes = try first.serializedBytes() as [UInt8] + (second.serializedBytes() as [UInt8])
    let request = try CheckRequest(serialized: ByteBuffer(bytes: bytes))
    #expect(request.method == "PUT" && request.path == "/" && request.headers["x-a"] == "1")
    #expect(request.message == (try CheckRequestMessage(serializedBytes: bytes)))
    #expect(request.source == (try self.request(second)).source)
  }

  @Test(
    "bytes that are no CheckRequest are none",
    arguments: [
      [0xff], [0x0a, 0x05, 0x22], [0x0a, 0x02, 0x22, 0x05], [0x0a, 0x04, 0x22, 0x02, 0x12, 0x07],
      [0x0a, 0x06, 0x22, 0x04, 0x12, 0x02, 0x1a, 0x09], [0x0a, 0x08, 0x22, 0x06, 0x12, 0x04, 0x1a, 0x02, 0x0a, 0x07],
    ] as [[UInt8]])
  func malformed(bytes: [UInt8]) {
    let error = #expect(throws: CalloutError.self) { try CheckRequest(serialized: ByteBuffer(bytes: bytes)) }
    #expect(error?.code == .malformedRequest)
  }
}
