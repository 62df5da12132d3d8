// SPDX-License-Identifier: Apache-2.0
internal import CalloutTransport
internal import NIOCore

/// Runs an async function for a call, giving it the requests as a sequence and a writer for the responses.
///
/// Confined to the event loop of the call's connection; `GRPCRequests` and `GRPCResponses` come to it there.
final class AsyncCallHandler: ServerCallHandler {
  typealias Body = @Sendable (GRPCRequests, GRPCResponses, GRPCServerContext) async throws -> Void

  private let call: ServerCall
  private var task: Task<Void, Never>?
  private var waiting: [ByteBuffer] = []
  private var hasEnded = false
  private var failure: GRPCStatus?
  private var reader: CheckedContinuation<ByteBuffer?, any Error>?
  private var writers: [CheckedContinuation<Void, any Error>] = []

  init(call: ServerCall, body: @escaping Body) {
    self.call = call
    let handler = NIOLoopBound(self, eventLoop: call.eventLoop)
    let context = GRPCServerContext(call)
    task = Task(executorPreference: call.connection.tasks) {
      let status: GRPCStatus
      do {
        try await body(GRPCRequests(handler), GRPCResponses(handler), context)
        status = .ok
      } catch {
        status = GRPCStatus(error)
      }
      handler.eventLoop.execute { handler.value.finish(status) }
    }
  }

  // MARK: From the call

  func receive(_ message: consuming ByteBuffer) {
    if let reader {
      self.reader = nil
      reader.resume(returning: message)
    } else {
      waiting.append(message)
      call.pause()
    }
  }

  func receiveEnd() {
    hasEnded = true
    reader?.resume(returning: nil)
    reader = nil
  }

  func shutDown() { end(GRPCStatus(.unavailable, "the server is shutting down"), finishing: true) }

  func callEnded(_ ending: CallEnding) {
    switch ending {
    case .finished(let status): end(status, finishing: false)
    case .reset: end(GRPCStatus(.cancelled, "the client has gone"), finishing: false)
    }
    task = nil
  }

  // MARK: From the function

  func next(_ continuation: CheckedContinuation<ByteBuffer?, any Error>) {
    if !waiting.isEmpty {
      continuation.resume(returning: waiting.removeFirst())
      if waiting.isEmpty { call.resume() }
    } else if let failure {
      continuation.resume(throwing: failure)
    } else if hasEnded {
      continuation.resume(returning: nil)
    } else {
      reader = continuation
    }
  }

  func send(_ message: ByteBuffer, _ continuation: CheckedContinuation<Void, any Error>) {
    if let failure { return continuation.resume(throwing: failure) }
    call.send { $0.writeImmutableBuffer(message) }
    guard call.isOutboundFull else { return continuation.resume() }
    writers.append(continuation)
    call.whenDrained = { [self] in
      let writers = writers
      self.writers = []
      for writer in writers { writer.resume() }
    }
  }

  private func finish(_ status: GRPCStatus) {
    call.finish(status)
    end(status, finishing: false)
    // Messages that the function never asked for keep the call paused, and its stream in its place, no longer.
    guard !waiting.isEmpty else { return }
    waiting = []
    call.resume()
  }

  private func end(_ status: GRPCStatus, finishing: Bool) {
    guard failure == nil else { return }
    failure = status
    if finishing { call.finish(status) }
    task?.cancel()
    reader?.resume(throwing: status)
    reader = nil
    for writer in writers { writer.resume(throwing: status) }
    writers = []
  }
}

extension GRPCStatus {
  /// The status that a thrown error ends a call with: itself, or UNKNOWN, its text kept from the client.
  package init(_ error: any Error) {
    switch error {
    case let status as GRPCStatus: self = status
    case is CancellationError: self.init(.cancelled, "cancelled")
    default: self.init(.unknown, "the handler failed")
    }
  }
}
