// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOConcurrencyHelpers
import NIOCore

/// What look-ups of any name find, as a test says.
struct NameAnswers: Sendable {
  private let state: NIOLockedValueBox<State>
  /// Look-ups as they are made, each with the number of changes before it.
  private let lookUps: AsyncStream<Int>
  private let lookedUp: AsyncStream<Int>.Continuation

  private struct State {
    var answers: [[SocketAddress]?]
    var changes = 0
  }

  /// - Parameter answers: one after the other, nil for none; the last one is for all later look-ups.
  init(_ answers: [SocketAddress]?...) {
    state = NIOLockedValueBox(State(answers: answers))
    (lookUps, lookedUp) = AsyncStream.makeStream(of: Int.self)
  }

  var resolver: NameResolver {
    NameResolver { [state, lookedUp] _, _ in
      let (answer, changes) = state.withLockedValue { state in
        (state.answers.count > 1 ? state.answers.removeFirst() : state.answers[0], state.changes)
      }
      lookedUp.yield(changes)
      guard let answer else { throw NameIsUnknown() }
      return answer
    }
  }

  /// Waits for a look-up that nobody has waited for yet.
  func next() async { for await _ in lookUps { return } }

  /// Changes what is found, and waits until a pool has put it to use: it looks up again only then.
  func change(to answer: [SocketAddress]?) async {
    let change = state.withLockedValue { state in
      state.answers = [answer]
      state.changes += 1
      return state.changes
    }
    var seen = 0
    for await changes in lookUps where changes == change {
      seen += 1
      if seen == 2 { return }
    }
  }
}

struct NameIsUnknown: Error, CustomStringConvertible {
  var description: String { "nobody knows it" }
}
