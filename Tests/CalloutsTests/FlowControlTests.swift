// SPDX-License-Identifier: Apache-2.0
import Callouts
import ExtProcTesting
import SwiftProtobuf
import Testing

@Suite("ext_proc's own flow control", .timeLimit(.minutes(1)))
struct FlowControlTests {
  private static let wanted: Int64 = 256 * 1_024

  /// The headers of a stream whose proxy turns flow control on.
  private func headers(sending: Int64, receiving: Int64 = 65_536) -> ProcessingRequestMessage {
    var message = ProcessingRequestMessage.requestHeaders([:])
      .withBodyModes(request: .fullDuplexStreamed, response: .fullDuplexStreamed)
    message.flowControlInit = .with {
      $0.initialWindowDownstreamToSidestream = receiving
      $0.initialWindowSidestreamToUpstream = sending
      $0.initialWindowUpstreamToSidestream = receiving
      $0.initialWindowSidestreamToDownstream = sending
    }
    return message
  }

  private func update(request: Int64 = 0, response: Int64 = 0) -> ProcessingRequestMessage {
    .with {
      $0.clientWindowUpdate.windowIncrementSidestreamToUpstream = request
      $0.clientWindowUpdate.windowIncrementSidestreamToDownstream = response
    }
  }

  @Test("the windows are answered at once, before the headers")
  func start() async throws {
    let replies = try await CalloutHarness(CalloutServer()).send(headers(sending: 1_000))
    #expect(replies.count == 2)
    let update = try #require(replies.first)
    #expect(update.response == nil)
    #expect(update.serverWindowUpdate.windowIncrementDownstreamToSidestream == Self.wanted - 65_536)
    #expect(update.serverWindowUpdate.windowIncrementUpstreamToSidestream == Self.wanted - 65_536)
  }

  @Test("a proxy that wants no flow control is never sent an update")
  func none() async throws {
    let harness = CalloutHarness(CalloutServer())
    let first = ProcessingRequestMessage.requestHeaders([:]).withBodyModes(request: .fullDuplexStreamed)
    var replies = try await harness.send(first)
    replies += try await harness.send(update(request: 100))
    for _ in 0..<10 { replies += try await harness.send(.requestBody(String(repeating: "x", count: 60_000))) }
    #expect(replies.count == 11)
    #expect(replies.allSatisfy { !$0.hasServerWindowUpdate })
  }

  @Test("no more is sent than the window has room for, and the rest when there is, in order")
  func sending() async throws {
    let harness = CalloutHarness(CalloutServer())
    _ = try await harness.send(headers(sending: 3))
    #expect(try await harness.send(.requestBody("abcde")).map(\.streamed) == ["abc"])
    #expect(try await harness.send(.requestBody("fg", endOfStream: true)).isEmpty)
    #expect(try await harness.send(update(request: 1)).map(\.streamed) == ["d"])
    #expect(try await harness.send(update(request: -5)).isEmpty)
    #expect(try await harness.send(update(request: 6)).map(\.streamed) == ["e"])
    #expect(try await harness.send(update(request: 100)).map(\.streamed) == ["fg."])
  }

  @Test("trailers do not overtake a body that waits, and the other direction does not wait")
  func order() async throws {
    let harness = CalloutHarness(CalloutServer())
    _ = try await harness.send(headers(sending: 0))
    #expect(try await harness.send(.requestBody("ab")).isEmpty)
    #expect(try await harness.send(.requestTrailers([:])).isEmpty)
    #expect(try await harness.send(.responseHeaders([":status": "200"])).count == 1)
    let replies = try await harness.send(update(request: 10))
    #expect(replies.map(\.streamed) == ["ab", ""])
    #expect(replies.last == .with { $0.requestTrailers = .init() })
  }

  @Test("the window is opened again when half of it was used")
  func receiving() async throws {
    let harness = CalloutHarness(CalloutServer())
    _ = try await harness.send(headers(sending: .max, receiving: Self.wanted))
    var updates: [Int64] = []
    for _ in 0..<6 {
      let replies = try await harness.send(.requestBody(String(repeating: "x", count: 50_000)))
      updates += replies.filter(\.hasServerWindowUpdate).map(\.serverWindowUpdate.windowIncrementDownstreamToSidestream)
    }
    #expect(updates == [150_000, 150_000])
  }

  @Test("a body that is collected does not hold its window")
  func collected() async throws {
    let server = Given({ (configuration: inout CalloutServer.Configuration) in configuration.requestBody = .whole() })
    let harness = CalloutHarness(server)
    _ = try await harness.send(headers(sending: .max, receiving: Self.wanted))
    var granted: Int64 = 0
    for _ in 0..<10 {
      for reply in try await harness.send(.requestBody(String(repeating: "x", count: 50_000))) {
        granted += reply.serverWindowUpdate.windowIncrementDownstreamToSidestream
      }
    }
    #expect(granted >= 500_000 - Self.wanted / 2)
  }

  @Test("a stream's writer waits for room")
  func streams() async throws {
    let log = Log()
    let server = Given(
      { (configuration: inout CalloutServer.Configuration) in configuration.requestBody = .stream },
      stream: { _, reply in
        let body = try await reply.send()
        try await body.write("ab")
        log.note("written")
        try await body.finish()
      })
    let harness = CalloutHarness(server)
    #expect(try await harness.send(headers(sending: 1)).map(\.streamed) == ["", "", "a"])
    #expect(log.lines.isEmpty)
    #expect(try await harness.send(update(request: 1)).map(\.streamed) == ["b"])
    #expect(log.lines == ["written"])
  }

  @Test("windows of any size do no harm", arguments: [Int64.min, -1, 0, .max])
  func extremes(size: Int64) async throws {
    let harness = CalloutHarness(CalloutServer())
    _ = try await harness.send(headers(sending: size, receiving: size))
    for _ in 0..<3 {
      _ = try await harness.send(update(request: size, response: size))
      _ = try await harness.send(.requestBody("ab"))
    }
  }
}
