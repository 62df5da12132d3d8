// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import NIOConcurrencyHelpers
import NetworkExtProc
import SwiftProtobuf

/// A network callout whose hooks a test gives.
final class HookedNetwork: NetworkCalloutServer, @unchecked Sendable {
  typealias Hook = @Sendable (NetworkData, NetworkContext) async throws -> NetworkReply

  private var settings = Configuration()
  private var read: Hook = { _, _ in .continue }
  private var write: Hook = { _, _ in .continue }
  private var start: @Sendable (NetworkContext) async throws -> Void = { _ in }
  private var closes: @Sendable (NetworkData, Bool) throws -> Bool = { _, _ in false }

  /// How connections ended, in order.
  let endings = Signal<StreamEnding>()

  convenience init(
    executor: HookExecutor = .eventLoop, policy: FailurePolicy = .close,
    start: @escaping @Sendable (NetworkContext) async throws -> Void = { _ in },
    closes: @escaping @Sendable (NetworkData, Bool) throws -> Bool = { _, _ in false },
    write: @escaping Hook = { _, _ in .continue }, read: @escaping Hook = { _, _ in .continue }
  ) {
    self.init()
    settings.hookExecutor = executor
    settings.failurePolicy = policy
    self.start = start
    self.closes = closes
    self.read = read
    self.write = write
  }

  override var configuration: Configuration { settings }

  override func onConnectionStart(context: NetworkContext) async throws { try await start(context) }

  override func onReadData(_ data: NetworkData, context: NetworkContext) async throws -> NetworkReply {
    try await read(data, context)
  }

  override func onWriteData(_ data: NetworkData, context: NetworkContext) async throws -> NetworkReply {
    try await write(data, context)
  }

  override func shouldCloseConnection(_ data: NetworkData, modified: Bool, context: NetworkContext) throws -> Bool {
    try closes(data, modified)
  }

  override func onConnectionEnd(_ ending: StreamEnding, context: NetworkContext) { endings.send(ending) }
}

/// What happened, for one test to wait for.
final class Signal<Element: Sendable>: Sendable {
  private let stream: AsyncStream<Element>
  private let continuation: AsyncStream<Element>.Continuation

  init() { (stream, continuation) = AsyncStream.makeStream() }

  func send(_ element: Element) { continuation.yield(element) }

  /// The next one, once it is there; throws when the wait is cancelled.
  func next() async throws -> Element {
    for await element in stream { return element }
    throw CancellationError()
  }
}

struct HookFailure: Error {}

extension StreamEnding {
  var isCompleted: Bool { if case .completed = self { true } else { false } }
  var isCancelled: Bool { if case .cancelled = self { true } else { false } }
  var isShutDown: Bool { if case .shutDown = self { true } else { false } }
}

extension NetworkResponseMessage {
  /// The response in short: direction, text, and what else it says.
  var text: String {
    var words: [String] = []
    if hasReadData { words.append("read '\(String(decoding: readData.data, as: UTF8.self))'") }
    if readData.endOfStream { words.append("end") }
    if hasWriteData { words.append("write '\(String(decoding: writeData.data, as: UTF8.self))'") }
    if writeData.endOfStream { words.append("end") }
    switch dataProcessingStatus {
    case .unmodified: words.append("unmodified")
    case .modified: words.append("modified")
    default: break
    }
    if connectionStatus != .continue { words.append("\(connectionStatus)") }
    if closeStreamToExtProcServer { words.append("leaves") }
    words += dynamicMetadata.fields.keys.sorted()
    return words.joined(separator: " ")
  }
}
