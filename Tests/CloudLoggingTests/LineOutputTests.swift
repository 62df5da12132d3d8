// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import CloudLogging
import ExtProcTesting
import Foundation
import Logging
import Testing

@Suite("Logging to standard output", .timeLimit(.minutes(1)))
struct LineOutputTests {
  /// What is written to a pipe, by lines. The last one says that it is: a program that another test starts meanwhile may
  /// hold the pipe open.
  private func lines(_ body: (LineOutput) async throws -> Void) async throws -> [Substring] {
    let pipe = Pipe()
    let last = Data("LAST\n".utf8)
    // Reading blocks, so a thread of its own does it.
    let (all, reader) = AsyncStream.makeStream(of: Data.self)
    Thread.detachNewThread {
      var data = Data()
      while data.suffix(last.count) != last { data += pipe.fileHandleForReading.availableData }
      reader.yield(data.dropLast(last.count))
    }
    let output = LineOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor)
    try await body(output)
    _ = await output.send([Array(last)])
    let data = await all.first { _ in true } ?? Data()
    return String(decoding: data, as: UTF8.self).split(separator: "\n")
  }

  @Test("writes one JSON object a line, of all that threads log")
  func jsonLines() async throws {
    let lines = try await lines { output in
      let exporter = CloudLogExporter(to: output, limits: .test(), diagnostics: LogRecorder().logger)
      await withTaskGroup(of: Void.self) { tasks in
        for task in 0..<8 { tasks.addTask { for number in 0..<50 { exporter.logger.info("\(task * 50 + number)\n") } } }
      }
      await exporter.finish()
    }
    let messages = try lines.map { try JSONValue(parsing: String($0))["message"]?.string }
    #expect(messages.count == 400)
    #expect(Set(messages) == Set((0..<400).map { "\($0)\n" }))
  }

  @Test("does not mix the lines of several exporters, which are longer than a pipe takes at once")
  func mixing() async throws {
    let lines = try await lines { output in
      await withTaskGroup(of: Void.self) { tasks in
        for letter in "abcd".utf8 {
          let line = [UInt8](repeating: letter, count: 10_000) + [UInt8(ascii: "\n")]
          tasks.addTask { _ = await output.send([[UInt8]](repeating: line, count: 100)) }
        }
      }
    }
    #expect(lines.count == 400)
    #expect(lines.allSatisfy { Set($0.utf8).count == 1 && $0.utf8.count == 10_000 })
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
    let reason = "\(log.entries.first?.metadata["reason"] ?? "")"
    #expect(reason.hasSuffix("nobody reads what is written"))
    try pipe.fileHandleForWriting.close()
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
