// SPDX-License-Identifier: Apache-2.0

/// What happens in one task, to be waited for in another.
struct Events<Element: Sendable>: Sendable {
  private let stream: AsyncStream<Element>
  private let continuation: AsyncStream<Element>.Continuation

  init(of type: Element.Type = Element.self) { (stream, continuation) = AsyncStream.makeStream(of: type) }

  func send(_ element: Element) { continuation.yield(element) }

  /// The next event; nil only when the task is cancelled.
  func next() async -> Element? {
    for await element in stream { return element }
    return nil
  }
}

extension Events<Void> {
  func send() { send(()) }
}
