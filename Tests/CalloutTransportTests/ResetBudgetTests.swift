// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import Testing

@Suite("reset budget")
struct ResetBudgetTests {
  private let start = ContinuousClock.now

  @Test("exactly the burst can be spent at once")
  func burst() {
    var budget = ResetBudget(.init(burst: 1_000, perSecond: 33))
    #expect(spent(&budget, at: .zero) == 1_000)
  }

  @Test("a spent budget gains its rate each second, and not one more")
  func refill() {
    var budget = ResetBudget(.init(burst: 10, perSecond: 4))
    #expect(spent(&budget, at: .zero) == 10)
    #expect(spent(&budget, at: .seconds(1)) == 4)
    #expect(spent(&budget, at: .milliseconds(1_249)) == 0)
    #expect(spent(&budget, at: .milliseconds(1_250)) == 1)
    #expect(spent(&budget, at: .seconds(2)) == 3)
  }

  @Test("parts of a reset add up, however often the budget is asked")
  func fractions() {
    var budget = ResetBudget(.init(burst: 1, perSecond: 1))
    #expect(spent(&budget, at: .zero) == 1)
    for step in 1...9 { #expect(spent(&budget, at: .milliseconds(step * 100)) == 0) }
    #expect(spent(&budget, at: .milliseconds(1_001)) == 1)
  }

  @Test("a rest of any length never gives more than the burst")
  func ceiling() {
    var budget = ResetBudget(.init(burst: 5, perSecond: 1_000))
    #expect(spent(&budget, at: .zero) == 5)
    #expect(spent(&budget, at: .seconds(3_600)) == 5)
  }

  @Test("an answered stream makes up for one reset, and answers cannot be saved up beyond the burst")
  func answers() {
    var budget = ResetBudget(.init(burst: 10, perSecond: 0))
    for _ in 0..<1_000 {
      budget.earn()
      let isWithin = budget.spend(at: start)
      #expect(isWithin)
    }
    for _ in 0..<1_000 { budget.earn() }
    #expect(spent(&budget, at: .zero) == 10)
    budget.earn()
    #expect(spent(&budget, at: .zero) == 1)
  }

  @Test("a budget of nothing allows nothing")
  func zero() {
    var budget = ResetBudget(.init(burst: 0, perSecond: 0))
    #expect(spent(&budget, at: .zero) == 0)
    #expect(spent(&budget, at: .seconds(1_000)) == 0)
  }

  /// How much can be spent at one moment, which is all there is then.
  private func spent(_ budget: inout ResetBudget, at offset: Duration) -> Int {
    var count = 0
    while budget.spend(at: start + offset) { count += 1 }
    return count
  }
}
