// SPDX-License-Identifier: Apache-2.0
import Callouts
import Testing

/// Open, since of a class that only this module can use an optimizer drops what nobody calls.
open class Greeter {
  open func hello() -> String { "hello" }
  open func bye() async -> String { "bye" }
}

private final class Plain: Greeter {}
private class Hello: Greeter { override func hello() -> String { "hi" } }
private final class Bye: Greeter { override func bye() async -> String { "see you" } }
private final class Both: Hello { override func bye() async -> String { "see you" } }

@Suite("Finding overrides")
struct OverrideFinderTests {
  private enum Member { case hello, bye }

  @Test("members are found that are overridden, by inheritance too")
  func found() throws {
    let finder = try #require(
      OverrideFinder<Member>(base: Greeter.self, plain: Plain.self, overriding: [.hello: Hello.self, .bye: Bye.self]))
    #expect(finder.members(overriddenBy: Greeter.self) == [])
    #expect(finder.members(overriddenBy: Plain.self) == [])
    #expect(finder.members(overriddenBy: Hello.self) == [.hello])
    #expect(finder.members(overriddenBy: Bye.self) == [.bye])
    #expect(finder.members(overriddenBy: Both.self) == [.hello, .bye])
  }

  @Test("what cannot be told apart is not told at all")
  func unknown() {
    // A class that overrides more than the one, nothing, or what stands for another.
    for type: AnyClass in [Both.self, Plain.self, Bye.self] {
      let overriding: [Member: AnyClass] = [.hello: type, .bye: Bye.self]
      let finder = OverrideFinder<Member>(base: Greeter.self, plain: Plain.self, overriding: overriding)
      #expect(finder == nil, "\(type)")
    }
  }
}
