// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import EnvoyRun

@Suite("The filter that envoyrun uses")
struct ModuleDescriptionTests {
  private static let hello = ModuleFilter(name: "hello", kind: .application)
  private static let echo = ModuleFilter(name: "echo", kind: .application)
  private static let callout = ModuleFilter(name: "add-header", kind: .callout)

  private func filter(
    of filters: [ModuleFilter], named name: String? = nil, mounts: [String] = []
  ) throws -> ModuleFilter {
    try ModuleDescription(filters: filters, file: "libM.so")
      .filter(named: name, mounts: mounts.compactMap(Mount.init(argument:)))
  }

  @Test("it is the only one, or the one that is named")
  func named() throws {
    #expect(try filter(of: [Self.hello]) == Self.hello)
    #expect(try filter(of: [Self.hello, Self.callout], named: "add-header") == Self.callout)
  }

  @Test("mounts are a filter that is configured with the applications' names")
  func mounts() throws {
    let filter = try filter(of: [Self.hello, Self.echo, Self.callout], mounts: ["/=hello", "/echo=echo"])
    #expect(filter.name == "mounts")
    #expect(filter.kind == .application)
    #expect(filter.mounts?["value"]?.string == #"{"/":"hello","/echo":"echo"}"#)
  }

  @Test(
    "what cannot be used is one line",
    arguments: [
      ([], nil, [], "libM.so registers no filter: do so in envoyModuleRegister"),
      ([hello, echo], nil, [], "libM.so has several filters: name one with --filter: hello, echo"),
      ([hello, echo], "x", [], "libM.so has no filter 'x': one of hello, echo"),
      ([hello], nil, ["/=x"], "libM.so has no filter 'x': one of hello"),
      ([hello], nil, ["/=hello", "/=hello"], "--mount / is given twice: leave one out"),
      ([hello, echo], nil, ["/api=hello", "/api/=echo"], "--mount /api is given twice: leave one out"),
      (
        [hello], nil, ["/a?b=hello"],
        "--mount /a?b is for no path: write ?, #, spaces and the like with %, or leave them out"
      ),
      (
        [callout], nil, ["/=add-header"],
        "--mount /=add-header: it is a callout, and only applications are mounted"
      ),
    ] as [([ModuleFilter], String?, [String], String)])
  func refused(filters: [ModuleFilter], name: String?, mounts: [String], message: String) {
    let error = #expect(throws: RunError.self) { try filter(of: filters, named: name, mounts: mounts) }
    #expect(error?.description == message)
  }

  @Test("a file that is no library, and a source that is not there, are told as that")
  func library() async {
    #expect(throws: RunError.self) { try ModuleDescription.text(of: ModuleLibrary(path: "/dev/null")) }
    await #expect(throws: RunError.self) { try await ModuleSource("/nowhere/libM.so", .release).library() }
    #expect(ModuleLibrary(path: "/a/libHello.so").name == "Hello")
  }
}
