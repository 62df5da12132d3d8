// SPDX-License-Identifier: Apache-2.0
import Callouts
import Synchronization

extension Trials {
  static let streams: [String: @Sendable () -> CalloutServer] = [
    "stream": {
      Trial(streaming: .request) { request, reply, _ in
        let writer = try await reply.send(.mutate(set: ["x-set": "1"]))
        for try await piece in request.body { try await writer.write(piece.string.uppercased()) }
        try await writer.write(".")
        try await writer.finish(trailers: .mutate(set: ["x-new-trailer": "1"]))
      }
    },
    "stream, waiting": {
      Trial(streaming: .request) { request, reply, _ in
        try await pause()
        let writer = try await reply.send(.mutate(set: ["x-set": "1"]))
        for try await piece in request.body {
          try await pause()
          try await writer.write(piece.string.uppercased())
        }
        try await pause()
        try await writer.write(".")
        try await writer.finish(trailers: .mutate(set: ["x-new-trailer": "1"]))
      }
    },
    "response stream": {
      Trial(streaming: .response) { response, reply, _ in
        let writer = try await reply.send(.mutate(set: ["x-response": "1"]))
        for try await piece in response.body { try await writer.write(piece.string.uppercased()) }
        try await pause()
        try await writer.write(".")
        try await writer.finish()
      }
    },
    "stream that passes": { Trial(streaming: .request) { _, reply, _ in try await reply.send().passRest() } },
    "stream that is collected": {
      Trial(streaming: .request) { request, reply, _ in
        let body = try await request.collectBody(upTo: 4 << 20)
        let writer = try await reply.send(.mutate(set: ["x-length": "\(body.readableBytes)"]))
        try await writer.write(body)
        try await writer.finish()
      }
    },
    "upper-case stream": {
      Trial(streaming: .request) { request, reply, _ in
        let writer = try await reply.send()
        for try await piece in request.body { try await writer.write(piece.string.uppercased()) }
        try await writer.finish()
      }
    },
    // It writes before it reads, when more has come than it is given at once.
    "stream with a prefix": {
      Trial(streaming: .request) { request, reply, _ in
        let writer = try await reply.send()
        try await Task.sleep(for: .milliseconds(200))
        try await writer.write("prefix ")
        try await Task.sleep(for: .milliseconds(50))
        for try await piece in request.body { try await writer.write(piece.string.uppercased()) }
        try await writer.finish()
      }
    },
    "stream that denies": { Trial(streaming: .request) { _, _, _ in throw Denial("not you") } },
    "stream that fails and passes": {
      Trial(streaming: .request, { $0.failurePolicy = PerPhase(.passThrough) }) { _, _, _ in throw Failure() }
    },
  ]

  /// Tells those who ask for `/count` how many exchanges began, how many ended, and how many of them are still in memory.
  /// Both directions are streams, and hooks of what is broken off end late.
  final class Counting: CalloutServer, @unchecked Sendable {
    private let executor: HookExecutor
    private let counts = Mutex((begun: 0, ended: 0, alive: 0))

    convenience required init() { self.init(.eventLoop) }

    init(_ executor: HookExecutor) {
      self.executor = executor
      super.init()
    }

    override var configuration: Configuration {
      var configuration = Configuration()
      configuration.messageTimeout = .seconds(20)
      configuration.hookExecutor = executor
      guard executor == .eventLoop else { return configuration }
      configuration.requestBody = .stream
      configuration.responseBody = .stream
      return configuration
    }

    private final class Probe: Sendable {
      let ends: @Sendable () -> Void
      init(_ ends: @escaping @Sendable () -> Void) { self.ends = ends }
      deinit { ends() }
    }

    private enum ProbeKey: CalloutContextKey { static var defaultValue: Probe? { nil } }

    private func begin(_ headers: HTTPHeaders, _ context: CalloutContext) throws {
      if headers.path == "/count" {
        let counts = counts.withLock { $0 }
        throw Denial(ImmediateResponse(status: 200, body: "\(counts.begun) \(counts.ended) \(counts.alive)"))
      }
      counts.withLock {
        $0.begun += 1
        $0.alive += 1
      }
      context[ProbeKey.self] = Probe { [self] in counts.withLock { $0.alive -= 1 } }
    }

    /// Ends some time after it was cancelled.
    private func linger() async {
      for _ in 0..<3 { await Task.yield() }
    }

    override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
      try begin(headers, context)
      try? await pause()
      await linger()
      return .continue
    }

    override func onRequestStream(
      _ request: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
    ) async throws {
      try begin(request.headers, context)
      try? await pause()
      await linger()
      try await reply.send().passRest()
    }

    override func onResponseStream(
      _ response: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
    ) async throws {
      try? await pause()
      await linger()
      try await reply.send().passRest()
    }

    override func onStreamEnd(_ ending: StreamEnding, context: CalloutContext) {
      guard context[ProbeKey.self] != nil else { return }
      counts.withLock { $0.ended += 1 }
    }
  }
}
