// SPDX-License-Identifier: Apache-2.0
import Callouts
import EnvoyAPI
import ExtProcTesting
import Foundation
import SwiftProtobuf
import Testing

@Suite("Streamed immediate responses", .timeLimit(.minutes(1)))
struct StreamedImmediateResponseTests {
  private func parts(
    _ response: StreamedImmediateResponse, to message: ProcessingRequestMessage = .requestHeaders([:]),
    executor: HookExecutor = .eventLoop
  ) async throws -> [Envoy_Service_ExtProc_V3_StreamedImmediateResponse] {
    let server = Given({ $0.hookExecutor = executor }, headers: { _, _ in .streamed(response) })
    return try await CalloutHarness(server).send(message).map(\.streamedImmediateResponse)
  }

  private func text(_ map: Envoy_Config_Core_V3_HeaderMap) -> [String] {
    map.headers.map { "\($0.key)=\(String(decoding: $0.rawValue, as: UTF8.self))" }
  }

  @Test("headers alone end the response")
  func headersAlone() async throws {
    let parts = try await parts(StreamedImmediateResponse(status: 204, headers: ["X-A": "1"]))
    #expect(parts.map { text($0.headersResponse.headers) } == [[":status=204", "x-a=1"]])
    #expect(parts.first?.headersResponse.endOfStream == true)
  }

  @Test(
    "headers, pieces and the end come in order", arguments: [HookExecutor.eventLoop, .concurrent])
  func body(executor: HookExecutor) async throws {
    let response = StreamedImmediateResponse(status: 200) { writer in
      try await writer.write("a")
      await Task.yield()
      try await writer.write("b")
      return [:]
    }
    let parts = try await parts(response, executor: executor)
    #expect(parts.first?.headersResponse.endOfStream == false)
    #expect(parts.dropFirst().map { String(decoding: $0.bodyResponse.body, as: UTF8.self) } == ["a", "b", ""])
    #expect(parts.dropFirst().map(\.bodyResponse.endOfStream) == [false, false, true])
  }

  @Test("trailers end the response in place of an empty piece")
  func trailers() async throws {
    let response = StreamedImmediateResponse(status: 200) { writer in
      try await writer.write(String(repeating: "x", count: 100_000))
      return ["Grpc-Status": "0"]
    }
    let parts = try await parts(response)
    #expect(parts.count == 4)
    #expect(parts.dropFirst().prefix(2).map(\.bodyResponse.body.count) == [63_488, 36_512])
    #expect(parts.last.map { text($0.trailersResponse) } == ["grpc-status=0"])
  }

  @Test("only request headers can be answered so, and only without a body that Envoy buffers")
  func refused() async throws {
    let response = StreamedImmediateResponse(status: 200)
    await #expect(throws: CalloutError.self) { try await parts(response, to: .responseHeaders([:])) }
    for mode in [BodySendMode.streamed, .buffered, .bufferedPartial] {
      await #expect(throws: CalloutError.self) {
        try await parts(response, to: .requestHeaders([:]).withBodyModes(request: mode))
      }
    }
    await #expect(throws: CalloutError.self) { try await parts(StreamedImmediateResponse(status: 99)) }
    let duplex = try await parts(response, to: .requestHeaders([:]).withBodyModes(request: .fullDuplexStreamed))
    #expect(duplex.count == 1)
  }

  @Test("a writer that throws ends the stream, and what crossed the answer is not asked about")
  func failures() async throws {
    struct Failure: Error {}
    let failing = StreamedImmediateResponse(status: 200) { _ in throw Failure() }
    await #expect(throws: Failure.self) { try await parts(failing) }
    let asked = Log()
    let server = Given(
      headers: { _, _ in .streamed(StreamedImmediateResponse(status: 200)) },
      body: { _, _ in
        asked.note("body")
        return .continue
      })
    let harness = CalloutHarness(server)
    _ = try await harness.send(.requestHeaders([:]).withBodyModes(request: .fullDuplexStreamed))
    #expect(try await harness.send(.requestBody("x", endOfStream: true)).isEmpty)
    #expect(asked.lines.isEmpty)
  }
}
