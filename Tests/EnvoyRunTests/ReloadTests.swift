// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import ExtProcTesting
import Foundation
import Testing

@testable import EnvoyRun

@Suite(
  "envoyrun --reload", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(3)))
struct ReloadTests {
  private func get(_ address: ListenAddress) async throws -> String {
    try await HTTPConnection.connect(to: address).get("/").text
  }

  @Test("a library that changes runs once it is whole and Envoy takes it, whatever its filter is called")
  func library() async throws {
    try await EnvoyRunProcess.withFolder { folder in
      let file = folder.appending(path: "libM.so")
      func change(to product: String, upTo length: Int = .max) throws {
        try Data(contentsOf: URL(filePath: EnvoyRunProcess.library(product))).prefix(length).write(to: file)
      }
      try change(to: "HelloApp")
      try await EnvoyRunProcess.run(file.path, ["--reload"]) { process in
        let address = try await process.address()
        try change(to: "EchoApp", upTo: 1_000_000)
        try await process.waitForOutput(containing: "envoyrun: what runs stays: libM.so ")
        #expect(try await get(address) == "hello\n")
        try change(to: "FilesApp")
        try await process.waitForOutput(
          containing: "envoyrun: what runs stays: Envoy refuses libM.so: filter 'files' cannot be used: ")
        #expect(try await get(address) == "hello\n")
        try FileManager.default.removeItem(at: file)
        try await process.waitForOutput(containing: "envoyrun: what runs stays: there is no file \(file.path)")
        try change(to: "EchoApp")
        let next = try await process.address(start: 2)
        let echo = try await HTTPConnection.connect(to: next).send(HTTPRequest("POST", "/", body: "echo"))
        #expect(echo.text == "echo")
        await #expect(throws: (any Error).self) { try await get(address) }
      }
    }
  }

  @Test(
    "a product is built as it is asked for, and again when any of its files changes", arguments: ["debug", "release"])
  func product(configuration: String) async throws {
    try await EnvoyRunProcess.withFolder { folder in
      let package = folder.appending(path: "Mini")
      let original = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "MiniPackage")
      try FileManager.default.copyItem(at: original, to: package)
      let file = package.appending(path: "Elsewhere/Text.c")
      let source = try String(contentsOf: file, encoding: .utf8)
      let arguments = ["Mini", "--port", "0", "--workers", "1", "--reload", "--configuration", configuration]
      try await EnvoyRunProcess.running(try EnvoyRunProcess.start(in: package, arguments)) { process in
        let address = try await process.address()
        #expect(try await get(address) == "one (\(configuration))")
        try Data("no C".utf8).write(to: file)
        try await process.waitForOutput(
          containing: "envoyrun: what runs stays: 'swift build --product Mini' failed, see above\n")
        #expect(try await get(address) == "one (\(configuration))")
        try Data(source.replacing("one", with: "two").utf8).write(to: file)
        #expect(try await get(try await process.address(start: 2)) == "two (\(configuration))")
      }
    }
  }

  @Test("the files of a folder differ when one changes, comes or goes, and not by themselves")
  func stamps() async throws {
    try await EnvoyRunProcess.withFolder { folder in
      let file = folder.appending(path: "Below/file")
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      func stamps() -> FileStamps { FileStamps(of: [folder.path, "/nowhere"]) }
      var seen = [stamps()]
      for text in ["a", "ab"] {
        try Data(text.utf8).write(to: file)
        seen.append(stamps())
      }
      // Of the same length, at another time.
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: file.path)
      seen.append(stamps())
      #expect(zip(seen, seen.dropFirst()).allSatisfy { $0 != $1 })
      #expect(seen.last == stamps())
      try Data().write(to: folder.appending(path: ".hidden"))
      #expect(seen.last == stamps())
      try FileManager.default.removeItem(at: file)
      #expect(seen.first == stamps())
    }
  }
}
