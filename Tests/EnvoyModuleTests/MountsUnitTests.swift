// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import Synchronization
import Testing

@testable import EnvoyModule

@Suite("Several applications as one")
struct MountsUnitTests {
  @Test(
    "the longest prefix that covers a path counts",
    arguments: [
      ("/api", "api"), ("/api/", "api"), ("/api/x", "api"), ("/api?y", "api"), ("/api/v2", "v2"), ("/api/v2?y", "v2"),
      ("/api/v20", "api"), ("/apix", nil), ("/ap", nil), ("/", nil), ("", nil), ("*", nil), ("/API", nil),
    ] as [(String, String?)])
  func prefixes(path: String, name: String?) throws {
    let mounts = Mounts(["/api": Recorder("api"), "/api/v2/": Recorder("v2")])
    #expect((mounts.application(for: path) as? Recorder)?.name == name)
  }

  @Test("/ is for all paths", arguments: ["/", "/x", "/?y", "//"])
  func root(path: String) throws {
    #expect(Mounts(["/": Recorder("root")]).application(for: path) != nil)
  }

  @Test(
    "a prefix without its slash, or one that comes twice, is refused",
    arguments: [
      (["api"], "the prefix 'api' does not begin with /"), ([""], "the prefix '' does not begin with /"),
      (["/api", "/api/"], "the prefix '/api/' comes twice, with a slash at its end or without"),
      (["/", "/"], "the prefix '/' comes twice, with a slash at its end or without"),
    ])
  func unusable(prefixes: [String], problem: String) {
    let error = #expect(throws: ModuleError.self) { try Mounts(checking: prefixes.map { ($0, Recorder($0)) }) }
    #expect(error?.description == problem)
  }

  @Test("until it is known whose request it is the widest limits count, and then its own where they are narrower")
  func limits() {
    let narrow = RequestLimits(body: 4, time: .seconds(60))
    let short = RequestLimits(body: 8, time: .seconds(1))
    let none = RequestLimits()
    #expect(
      Mounts(["/a": Recorder("a", narrow), "/b": Recorder("b", short)]).limits == .init(body: 8, time: .seconds(60)))
    #expect(Mounts(["/a": Recorder("a", narrow), "/b": Recorder("b", none)]).limits == none)
    #expect(narrow.narrowed(to: short) == .init(body: 4, time: .seconds(1)))
    #expect(narrow.narrowed(to: none) == narrow)
    #expect(none.narrowed(to: short) == short)
  }

  @Test("where one does not start, those that have started are stopped")
  func failingStart() async {
    let (started, failing, later) = (Recorder("/ccc"), Recorder("/bb", failsToStart: true), Recorder("/a"))
    let mounts = Mounts(["/a": later, "/bb": failing, "/ccc": started])
    await #expect(throws: Recorder.Failure.self) { try await mounts.start() }
    #expect(started.calls == ["start", "stop"])
    #expect(failing.calls == ["start"])
    #expect(later.calls == [])
  }
}

/// Records what is called.
private final class Recorder: HTTPApplication {
  let name: String
  let limits: RequestLimits
  private let failsToStart: Bool
  private let log = Mutex<[String]>([])

  struct Failure: Error {}

  init(_ name: String, _ limits: RequestLimits = RequestLimits(), failsToStart: Bool = false) {
    self.name = name
    self.limits = limits
    self.failsToStart = failsToStart
  }

  var calls: [String] { log.withLock { $0 } }

  func start() async throws {
    log.withLock { $0.append("start") }
    if failsToStart { throw Failure() }
  }

  func handle(_ request: HTTPRequest, body: RequestBody, response: consuming ResponseWriter) async throws {}

  func stop() async { log.withLock { $0.append("stop") } }
}
