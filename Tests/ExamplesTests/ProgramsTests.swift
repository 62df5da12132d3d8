// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import NIOCore
import Testing

@Suite("Examples as programs", .timeLimit(.minutes(2)))
struct ProgramsTests {
  private static let root = URL(filePath: #filePath).appending(path: "../../..").standardizedFileURL
  private static let examples =
    (try? FileManager.default.contentsOfDirectory(
      atPath: root.appending(path: "Sources/Examples").path))?.sorted() ?? []
  /// Those that are no servers.
  private static let clients: Set = ["ExtProcClient"]
  /// Those that are no servers of callouts, or do not start without an option of their own; their own tests start them.
  private static let others: Set = ["ControlPlane", "Proxy"]

  @Test(
    "each server starts with nothing but ports, is healthy and ends on SIGTERM",
    arguments: servers.filter { !others.contains($0) })
  func starts(name: String) async throws {
    let process = try ExampleProcess.start(
      name,
      [
        "--secure-address", "127.0.0.1:0", "--plaintext-address", "127.0.0.1:0", "--health-check-address",
        "127.0.0.1:0", "--drain-delay", "0",
      ])
    defer { process.send(signal: SIGKILL) }
    let example = try await ExampleProcess.serving(process)
    #expect(try await HTTPConnection.connect(to: example.health).get("/ready").status == 200)
    let client = try await CalloutClient.connect(to: example.plaintext)
    let health = try await client.channel.call("/grpc.health.v1.Health/Check")
    try await health.send(ByteBuffer())
    health.halfClose()
    // HealthCheckResponse{status = 1: SERVING}
    #expect(try await health.next() == ByteBuffer(bytes: [0x08, 1]))
    #expect(await health.ending.status == .ok)
    await client.close()
    process.send(signal: SIGTERM)
    #expect(await process.exitStatus == 0, "\(process.output)")
  }

  private static let servers = examples.filter { !clients.contains($0) }

  @Test("each explains its flags", arguments: examples)
  func help(name: String) async throws {
    let process = try ExampleProcess.start(name, ["--help"])
    #expect(await process.exitStatus == 0)
    let help = process.output
    #expect(help.hasPrefix("USAGE: \(name) ") || help.contains("USAGE: \(Self.kebab(name)) "), "\(help)")
    // Behind the flag, or below it where that is long, stands what it does.
    let lines = help.split(separator: "\n")
    let flags = lines.indices.filter { lines[$0].hasPrefix("  -") }
    #expect(flags.count >= (Self.clients.contains(name) ? 3 : 14), "\(help)")
    for index in flags {
      let isExplained =
        lines[index].dropFirst(26).contains(/[A-Za-z]/) || lines[index + 1].hasPrefix("                ")
      #expect(isExplained, "\(lines[index])")
    }
  }

  @Test("an unknown flag is refused in one line", arguments: servers)
  func unknownFlag(name: String) async throws {
    let process = try ExampleProcess.start(name, ["--no-such-flag"])
    #expect(await process.exitStatus == 2)
    #expect(process.output == "\(name): Unknown option '--no-such-flag' (\(name) --help lists the options)\n")
  }

  @Test("the README lists them all, and no other")
  func readme() throws {
    let readme = try String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
    let section = try #require(readme.firstMatch(of: #/## Examples\n[\s\S]*?\n## /#)).output
    let listed = section.matches(of: /(?m)^\| `(\w+)` \|/).map { String($0.output.1) }
    #expect(listed.sorted() == Self.examples)
  }

  private static func kebab(_ name: String) -> String {
    name.replacing(/([a-z])([A-Z])/) { "\($0.output.1)-\($0.output.2)" }.lowercased()
  }
}
