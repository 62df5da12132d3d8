// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import CloudLogging
import ExtProcTesting
import Foundation
import Logging
import Testing

@Suite("Logging to standard output", .timeLimit(.minutes(1)))
struct LineOutputTests {
  @Test("writes one JSON object a line, whole, from all threads and exporters")
  func lines() async throws {
    let pipe = Pipe()
    let reader = Task.detached { try pipe.fileHandleForReading.readToEnd() ?? Data() }
    let output = LineOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor)
    let exporters = (0..<2).map { _ in
      CloudLogExporter(to: output, limits: .test(), diagnostics: LogRecorder().logger)
    }
    // Longer than a pipe holds, and than it takes at once.
    let text = String(repeating: "x", count: 10_000)
    await withTaskGroup(of: Void.self) { tasks in
      for task in 0..<8 {
        tasks.addTask { for _ in 0..<25 { exporters[task % 2].logger.info("\(text)") } }
      }
    }
    for exporter in exporters { await exporter.finish() }
    try pipe.fileHandleForWriting.close()
    let lines = String(decoding: try await reader.value, as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 200)
    for line in lines { #expect(try JSONValue(parsing: String(line))["message"]?.string == text) }
  }

  @Test("finishes in time where nobody reads")
  func notRead() async throws {
    let pipe = Pipe()
    let log = LogRecorder()
    let output = LineOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor)
    let exporter = CloudLogExporter(to: output, limits: .test(), diagnostics: log.logger)
    exporter.logger.info("\(String(repeating: "x", count: 200_000))")
    await exporter.finish(within: .milliseconds(20))
    #expect(log.entries.map(\.metadata["count"]) == ["1"])
  }

  @Test("says that entries are lost where it is not open")
  func notOpen() async throws {
    let log = LogRecorder()
    let exporter = CloudLogExporter(to: LineOutput(descriptor: .max), limits: .test(), diagnostics: log.logger)
    exporter.logger.info("x")
    await exporter.finish()
    #expect(log.entries.map(\.metadata["count"]) == ["1"])
    #expect(log.entries.first?.metadata["reason"] == "they cannot be written: errno \(EBADF)")
  }
}
