// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import CalloutTransport
internal import Callouts
internal import ExtProc
internal import NIOCore
internal import NIOPosix
internal import NetworkExtProc

/// Carries one stream between a harness and the callout, on an event loop.
final class HarnessTransport: CallTransport, StreamObserver, @unchecked Sendable {
  // Unchecked: touched on its event loop only, but for what is constant.

  let id = 1
  let peer: String? = "127.0.0.1:1"
  let metadata: [(name: String, value: String)]
  let eventLoop: any EventLoop
  let tasks: EventLoopTasks
  private(set) var isAnswered = false
  let isOutboundFull = false
  var whenDrained: (() -> Void)?

  private var call: (any HarnessedCall)?
  private(set) var ending: StreamEnding?
  private var isOver = false
  private var replies: [ByteBuffer] = []
  private var sender: CheckedContinuation<[ByteBuffer], any Error>?
  private var enders: [CheckedContinuation<Void, Never>] = []

  init(metadata: KeyValuePairs<String, String>) {
    eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    self.metadata = metadata.map { (name: $0, value: $1) }
    tasks = EventLoopTasks(eventLoop)
  }

  /// Joins the stream that this carries; they hold each other until `close()`.
  func carry(_ call: any HarnessedCall) {
    self.call = call
    call.observer = self
  }

  // MARK: From the harness

  func receive(_ message: ByteBuffer, _ sender: CheckedContinuation<[ByteBuffer], any Error>) {
    precondition(!isOver, "the stream has ended")
    self.sender = sender
    call?.receive(message)
    tasks.runReady()
    hooksAreQuiet()
  }

  func reset(_ ender: CheckedContinuation<Void, Never>) {
    end(.reset(code: 0))
    guard ending == nil else { return ender.resume() }
    enders.append(ender)
  }

  func close() {
    end(.reset(code: 0))
    tasks.stop()
    call = nil
  }

  // MARK: From the stream

  func pause() {}
  func resume() {}
  func markAnswered() { isAnswered = true }

  func send(_ body: (inout ByteBuffer) -> Void) {
    guard !isOver else { return }
    isAnswered = true
    var reply = ByteBuffer()
    body(&reply)
    replies.append(reply)
  }

  func send(headLength: Int, _ head: (inout ByteBuffer) -> Void, rest: ByteBuffer) {
    send { message in
      head(&message)
      message.writeImmutableBuffer(rest)
    }
  }

  func finish(_ status: GRPCStatus) { end(.finished(status)) }

  private func end(_ ending: CallEnding) {
    guard !isOver else { return }
    isOver = true
    call?.callEnded(ending)
  }

  func streamEnded(_ ending: StreamEnding) {
    self.ending = ending
    for ender in enders { ender.resume() }
    enders = []
    hooksAreQuiet()
  }

  func hooksAreQuiet() {
    guard let sender, let call, call.isQuiet else { return }
    self.sender = nil
    if let failure = call.failure {
      sender.resume(throwing: failure)
    } else {
      sender.resume(returning: replies)
    }
    replies = []
  }
}

/// One stream of a callout of any kind.
protocol HarnessedCall: ServerCallHandler {
  /// Hooks have nothing to do until the proxy sends something.
  var isQuiet: Bool { get }
  /// What ended the stream from the callout's side.
  var failure: (any Error)? { get }
  var observer: (any StreamObserver)? { get set }
}

extension ProcessCall: HarnessedCall {}

extension NetworkCall: HarnessedCall {
  var isQuiet: Bool { !isBusy }
}
