// SPDX-License-Identifier: Apache-2.0
internal import CalloutJSON
public import Logging
internal import NIOConcurrencyHelpers
internal import NIOPosix

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

extension CloudLogExporter {
  /// Writes entries to standard output, a JSON object on each line, for the logging agent that Google's platforms run.
  ///
  /// A line leaves as soon as the background comes to it. Source:
  /// https://cloud.google.com/logging/docs/structured-logging.
  ///
  /// - Parameter diagnostics: where it is said that entries were lost; not a logger that comes back here.
  public static func standardOutput(
    diagnostics: Logger = Logger(label: "cloud-logging", factory: { StreamLogHandler.standardError(label: $0) })
  ) -> CloudLogExporter {
    var limits = CloudLogLimits()
    limits.batchDelay = .zero
    return CloudLogExporter(to: LineOutput(descriptor: STDOUT_FILENO), limits: limits, diagnostics: diagnostics)
  }
}

/// Writes lines to a file descriptor.
package struct LineOutput: CloudLogDestination {
  private let descriptor: Int32

  package init(descriptor: Int32) { self.descriptor = descriptor }

  package func encode(_ entry: CloudLogEntry) -> [UInt8] { entry.agentJSON.serialized() + [UInt8(ascii: "\n")] }

  /// Writes on a thread that may wait, for whoever reads may be slow.
  package func send(_ batch: [[UInt8]]) async -> CloudLogDelivery {
    let isCancelled = NIOLockedValueBox(false)
    let lines = batch.flatMap { $0 }
    return await withTaskCancellationHandler {
      let delivery = try? await NIOThreadPool.singleton.runIfActive {
        Self.turn.withLock { write(lines) { isCancelled.withLockedValue { $0 } } }
      }
      return delivery ?? .failed("the time was over before they could be written")
    } onCancel: {
      isCancelled.withLockedValue { $0 = true }
    }
  }

  private func write(_ lines: [UInt8], unless isCancelled: () -> Bool) -> CloudLogDelivery {
    var rest = lines[...]
    while !rest.isEmpty {
      guard !isCancelled() else { return .failed("nobody reads what is written") }
      var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      guard poll(&state, 1, Self.pollMilliseconds) > 0 else { continue }
      let count = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, min($0.count, Self.pipeRoom)) }
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno != EINTR, errno != EAGAIN {
        return .refused("they cannot be written: errno \(errno)")
      }
    }
    return .arrived
  }

  /// Lines of several exporters must not get into each other.
  private static let turn = NIOLock()
  /// A pipe that can be written to at all takes this much at once.
  private static let pipeRoom = 4_096
  private static let pollMilliseconds: Int32 = 100
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}
