// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Logging
import SwiftProtobuf
import Testing

private enum Count: CalloutContextKey { static let defaultValue = 0 }
private enum Name: CalloutContextKey { static let defaultValue: String? = nil }

/// Counts the messages of its stream.
private final class Counting: CalloutServer, @unchecked Sendable {
  override func process(_ request: ProcessingRequest, context: CalloutContext) async throws -> ProcessingResponse {
    context[Count.self] += 1
    return try await super.process(request, context: context)
  }
}

@Suite("CalloutContext")
struct CalloutContextTests {
  @Test("a stream keeps its values from one message to the next, and apart from other streams'")
  func storage() async throws {
    let server = Counting()
    let (one, other) = (CalloutHarness(server), CalloutHarness(server))
    for message in [ProcessingRequestMessage.requestHeaders([:]), .requestBody("a"), .responseHeaders([:])] {
      _ = try await one.send(message)
    }
    _ = try await other.send(.requestHeaders([:]))
    #expect(one.context[Count.self] == 3)
    #expect(other.context[Count.self] == 1)
    #expect(one.context[Name.self] == nil)
    one.context[Name.self] = "name"
    #expect(one.context[Name.self] == "name")
  }

  @Test("attributes of the two directions are there together")
  func attributes() async throws {
    let harness = CalloutHarness(CalloutServer())
    #expect(harness.context.attributes.isEmpty)
    _ = try await harness.send(.requestHeaders([:]).withAttributes(["source.port": 80, "request.path": "/a"]))
    #expect(harness.context.attribute("source.port") == 80)
    _ = try await harness.send(.responseHeaders([:]).withAttributes(["response.code": 200, "source.port": 81]))
    #expect(harness.context.attribute("request.path") == "/a")
    #expect(harness.context.attribute("response.code") == 200)
    #expect(harness.context.attribute("source.port") == 81)
    #expect(harness.context.attribute("other") == nil)
  }

  @Test("attributes of several filters are there under their names")
  func attributesOfFilters() async throws {
    let harness = CalloutHarness(CalloutServer())
    _ = try await harness.send(
      .requestHeaders([:]).withAttributes(["a": 1], of: "one").withAttributes(["b": 2], of: "two"))
    _ = try await harness.send(.responseHeaders([:]).withAttributes(["c": 3], of: "two"))
    #expect(harness.context.attributes["one"]?.fields == ["a": 1])
    #expect(harness.context.attributes["two"]?.fields == ["b": 2, "c": 3])
  }

  @Test("metadata is what was sent last, and an empty context changes nothing")
  func metadata() async throws {
    let harness = CalloutHarness(CalloutServer())
    _ = try await harness.send(.requestHeaders([:]).withMetadata(["a": "1"], in: "one"))
    #expect(harness.context.filterMetadata["one"]?.fields == ["a": "1"])
    var empty = ProcessingRequestMessage.requestBody("")
    empty.metadataContext = .init()
    _ = try await harness.send(empty)
    #expect(harness.context.filterMetadata["one"]?.fields == ["a": "1"])
    _ = try await harness.send(.responseHeaders([:]).withMetadata(["b": "2"], in: "two"))
    #expect(harness.context.filterMetadata.keys.sorted() == ["two"])
  }

  @Test("typed metadata is there with its type")
  func typedMetadata() async throws {
    let harness = CalloutHarness(CalloutServer())
    var message = ProcessingRequestMessage.requestHeaders([:])
    let value = try Google_Protobuf_Any(message: Google_Protobuf_BoolValue(true))
    message.metadataContext.typedFilterMetadata["ns"] = value
    _ = try await harness.send(message)
    let received = harness.context.typedFilterMetadata["ns"]
    #expect(received?.typeURL == "type.googleapis.com/google.protobuf.BoolValue")
    #expect(try received.map { try Google_Protobuf_BoolValue(unpackingAny: $0) } == true)
  }

  @Test("the metadata of the call is there in order")
  func initialMetadata() {
    let harness = CalloutHarness(CalloutServer(), initialMetadata: ["b": "1", "a": "2", "b": "3"])
    #expect(harness.context.initialMetadata.map { "\($0.name)=\($0.value)" } == ["b=1", "a=2", "b=3"])
  }

  @Test("the logger says which stream it is")
  func logger() {
    let log = LogRecorder()
    let harness = CalloutHarness(CalloutServer(), logger: log.logger)
    harness.context.logger.info("hello")
    #expect(log.entries.map(\.message) == ["hello"])
    #expect(log.entries.first?.metadata["stream"] == "1")
  }
}
