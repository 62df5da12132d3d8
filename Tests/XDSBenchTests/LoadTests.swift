// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Testing

@testable import XDSBench

@Suite("xds-bench", .timeLimit(.minutes(1)))
struct LoadTests {
  @Test("every client acknowledges every update, and only what changed is encoded", arguments: Load.Variant.allCases)
  func updates(variant: Load.Variant) async throws {
    let report = try await report(
      clusters: 50, ["--streams", "7", "--variant", variant.rawValue, "--changed", "3", "--updates", "4"])
    #expect(report.before.clusters == 50)
    #expect(report.after.encoded == 12)
    #expect(report.synchronized > .zero)
    // Each cluster is over 300 bytes; with delta three of them come, with State of the World all.
    let bytes = (report.bytes - report.bytesBefore) / 7 / 4
    #expect(variant == .delta ? (900..<2_000).contains(bytes) : bytes > 15_000)
    #expect(report.description.hasPrefix("7 streams (\(variant.rawValue)), 0 % of them stuck; 50 clusters, 3 changed"))
  }

  @Test("clients that never read hold up nobody")
  func stuck() async throws {
    let report = try await report(
      clusters: 10, ["--streams", "4", "--stuck", "50", "--changed", "10", "--updates", "3"])
    #expect(report.after.encoded == 30)
  }

  @Test("more clusters than there are cannot change")
  func tooMany() async throws {
    await #expect(throws: (any Error).self) { try await report(clusters: 2, ["--streams", "1", "--changed", "3"]) }
  }

  @Test(
    "wrong options are refused",
    arguments: [
      ["--streams", "0"], ["--stuck", "100"], ["--variant", "x"], ["--timeout", "0"], ["--changed", "0"],
    ])
  func options(arguments: [String]) {
    #expect(throws: (any Error).self) { try Load.parse(["127.0.0.1:1"] + arguments) }
  }

  @Test("shares of times are told, and numbers with two digits")
  func numbers() {
    let times = (1...100).map { Int64($0) * 1_000_000 }
    #expect(Report.milliseconds(times.shuffled(), 0.5) == "50.00 ms")
    #expect(Report.milliseconds(times, 0.99) == "99.00 ms")
    #expect(Report.milliseconds([], 1) == "0.00 ms")
    #expect(Report.decimal(-1.07) == "-1.07")
    #expect(Report.decimal(12.346) == "12.35")
  }

  private func report(clusters: Int, _ arguments: [String]) async throws -> Report {
    let server = try Serve.parse(["--listen", "127.0.0.1:0", "--clusters", "\(clusters)", "--threads", "1"])
    var result: Result<Report, any Error>?
    try await server.serve { address in
      do {
        result = .success(try await Load.parse(["\(address)", "--rest", "0"] + arguments).report())
      } catch {
        result = .failure(error)
      }
    }
    return try #require(result).get()
  }
}
