// SPDX-License-Identifier: Apache-2.0
import NIOConcurrencyHelpers

/// What happens in one task, in order, to be waited for in another.
struct Events<Element: Sendable>: Sendable {
  private let stream: AsyncStream<Element>
  private let continuation: AsyncStream<Element>.Continuation

  init(of type: Element.Type = Element.self) { (stream, continuation) = AsyncStream.makeStream(of: type) }

  func send(_ element: Element) { continuation.yield(element) }

  /// The next that nobody has asked for yet; nil only when the task is cancelled.
  func next() async -> Element? {
    for await element in stream { return element }
    return nil
  }
}

extension Events<Void> {
  func send() { send(()) }
}

/// A number that tasks count up together.
final class Counter: Sendable {
  private let count = NIOLockedValueBox(0)

  var value: Int { count.withLockedValue { $0 } }

  @discardableResult
  func add(_ number: Int = 1) -> Int {
    count.withLockedValue { count in
      count += number
      return count
    }
  }
}
