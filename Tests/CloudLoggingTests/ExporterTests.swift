// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import CloudLogging
import ExtProcTesting
import Logging
import Testing

@Suite("An exporter", .timeLimit(.minutes(1)))
struct ExporterTests {
  private static let never: @Sendable (Duration) async throws -> Void = { _ in try await Task.sleep(for: .seconds(600))
  }

  // MARK: Batches

  @Test("sends what is queued as one batch once the delay is over")
  func batchAfterDelay() async throws {
    let destination = GatedDestination()
    destination.open()
    let (delays, delay) = AsyncStream.makeStream(of: Duration.self)
    let (over, end) = AsyncStream.makeStream(of: Void.self)
    let exporter = CloudLogExporter(
      to: destination, limits: .test { $0.batchDelay = .seconds(1) }, diagnostics: LogRecorder().logger
    ) { duration in
      delay.yield(duration)
      _ = await over.first { _ in true }
    }
    for number in 0..<5 { exporter.logger.info("\(number)") }
    #expect(await delays.first { _ in true } == .seconds(1))
    #expect(destination.batches.isEmpty)
    end.finish()
    await destination.awaitBatch()
    await exporter.finish()
    #expect(destination.batches == [["0", "1", "2", "3", "4"]])
  }

  @Test("does not wait with a batch that is full, by count or by bytes", arguments: [(3, Int.max), (1_000, 1_100)])
  func fullBatch(entries: Int, bytes: Int) async throws {
    let destination = GatedDestination()
    destination.open()
    let limits = CloudLogLimits.test {
      $0.batchDelay = .seconds(600)
      $0.batchEntries = entries
      $0.batchBytes = bytes
    }
    let exporter = CloudLogExporter(
      to: destination, limits: limits, diagnostics: LogRecorder().logger, sleep: Self.never)
    for number in 0..<7 { exporter.logger.info("\(number)") }
    await destination.awaitBatch()
    await destination.awaitBatch()
    await exporter.finish()
    #expect(destination.batches == [["0", "1", "2"], ["3", "4", "5"], ["6"]])
  }

  @Test("sends an entry larger than a batch on its own")
  func largeEntry() async throws {
    let destination = GatedDestination()
    destination.open()
    let exporter = CloudLogExporter(
      to: destination, limits: .test { $0.batchBytes = 1 }, diagnostics: LogRecorder().logger)
    for number in 0..<3 { exporter.logger.info("\(number)") }
    await exporter.finish()
    #expect(destination.batches == [["0"], ["1"], ["2"]])
  }

  // MARK: Bounds

  @Test("drops what finds no room, and tells how many", arguments: [(2, Int.max), (10_000, 800)])
  func overflow(entries: Int, bytes: Int) async throws {
    let destination = GatedDestination()
    let limits = CloudLogLimits.test {
      $0.batchEntries = 1
      $0.queuedEntries = entries
      $0.queuedBytes = bytes
    }
    let exporter = CloudLogExporter(to: destination, limits: limits, diagnostics: LogRecorder().logger)
    exporter.logger.info("0")
    await destination.awaitBatch()
    for number in 1...5 { exporter.logger.info("\(number)") }
    destination.open()
    await exporter.finish()
    let dropped = "log entries were dropped, for too many were waiting"
    #expect(destination.batches == [["0"], ["1"], ["2"], [dropped]])
    #expect(destination.entries.last?["severity"] == "WARNING")
    #expect(destination.entries.last?["jsonPayload"]?["dropped"] == 3)
  }

  @Test("tells of an entry that is larger than the queue")
  func tooLarge() async throws {
    let destination = GatedDestination()
    destination.open()
    let exporter = CloudLogExporter(
      to: destination, limits: .test { $0.queuedBytes = 1 }, diagnostics: LogRecorder().logger)
    exporter.logger.info("0")
    await exporter.finish()
    #expect(destination.entries.map { $0["jsonPayload"]?["dropped"] } == [1])
  }

  // MARK: The end

  @Test("has sent everything when it is finished, from all threads, without its delay")
  func finish() async throws {
    let api = CloudAPI(200)
    let limits = CloudLogLimits.test {
      $0.batchDelay = .seconds(600)
      $0.batchEntries = 100
    }
    try await withExporter(to: api, limits: limits, sleep: Self.never) { exporter in
      await withTaskGroup(of: Void.self) { tasks in
        for task in 0..<8 {
          tasks.addTask { for number in 0..<125 { exporter.logger.info("\(task * 125 + number)") } }
        }
      }
      await exporter.finish()
      #expect(Set(api.entries.compactMap(\.message)) == Set((0..<1_000).map { "\($0)" }))
      #expect(api.entries.count == 1_000)
    }
  }

  @Test("gives up when the time to finish is over, and says what is lost")
  func finishInTime() async throws {
    let destination = GatedDestination()
    let log = LogRecorder()
    let exporter = CloudLogExporter(to: destination, limits: .test { $0.batchEntries = 2 }, diagnostics: log.logger)
    for number in 0..<5 { exporter.logger.info("\(number)") }
    await exporter.finish(within: .milliseconds(20))
    #expect(destination.batches.isEmpty)
    #expect(log.entries.map(\.metadata["count"]) == ["5"])
    #expect(log.entries.first?.metadata["reason"] == "no time is left to send them: the gate is shut")
  }

  @Test("says that entries are lost which are logged after the end")
  func afterEnd() async throws {
    let destination = GatedDestination()
    let log = LogRecorder()
    let exporter = CloudLogExporter(to: destination, limits: .test(), diagnostics: log.logger)
    await exporter.finish()
    exporter.logger.info("late")
    exporter.logger.info("later")
    await exporter.finish()
    #expect(log.entries.map(\.metadata["count"]) == ["1", "1"])
    #expect(log.entries.first?.metadata["reason"] == "they were logged after the end")
  }
}
