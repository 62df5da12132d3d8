// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import ExtProcTesting
import Foundation
import Testing

/// envoyrun as the program that it is, with modules that are built beside the tests.
@Suite(
  "envoyrun", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"), .timeLimit(.minutes(3)))
struct RunTests {
  private static func library(_ product: String) -> String {
    Bundle.main.executableURL!.deletingLastPathComponent().appending(path: "lib\(product).so").path
  }

  private func run(_ product: String, _ arguments: [String]) throws -> ChildProcess {
    try ExampleProcess.start(
      "envoyrun", [Self.library(product)] + arguments, environment: ["ENVOY": EnvoyProcess.executable!])
  }

  private func address(_ process: ChildProcess) async throws -> ListenAddress {
    try await process.waitForOutput { output in
      guard let match = try? /listening: http:\/\/([0-9.:]+)\n/.firstMatch(in: output) else { return nil }
      return ListenAddress(String(match.1))
    }
  }

  private func withModule(
    _ product: String, _ arguments: [String], _ body: (ListenAddress, ChildProcess) async throws -> Void
  ) async throws {
    let process = try run(product, ["--port", "0", "--workers", "1"] + arguments)
    let result: Result<Void, any Error>
    do { result = .success(try await body(try await address(process), process)) } catch { result = .failure(error) }
    await process.end(within: .seconds(20))
    try result.get()
  }

  @Test("an application is served on the port that is printed, and ends with SIGTERM and SIGINT", arguments: [15, 2])
  func application(signal: Int32) async throws {
    try await withModule("HelloApp", []) { address, process in
      let response = try await HTTPConnection.connect(to: address).get("/")
      #expect(response.text == "hello\n")
      process.send(signal: signal)
      #expect(await process.exitStatus == 0)
      await #expect(throws: (any Error).self) { try await HTTPConnection.connect(to: address) }
    }
  }

  @Test("a callout is before an upstream")
  func callout() async throws {
    try await withHTTPUpstream { upstream in
      try await withModule("AddHeaderModule", ["--upstream", "\(upstream.address)"]) { address, _ in
        let response = try await HTTPConnection.connect(to: address).get("/")
        #expect(response.text.contains("header-request: request"))
        #expect(response.fields["header-response"] == "response")
      }
    }
  }

  @Test("applications are mounted on prefixes, and answers are compressed")
  func mounts() async throws {
    let arguments = ["--mount", "/big=application", "--mount", "/api=mounted", "--compress", "gzip"]
    try await withModule("TrialModule", arguments) { address, _ in
      let api = try await HTTPConnection.connect(to: address).get("/api")
      #expect(api.text == "api")
      let zipped = try await HTTPConnection.connect(to: address).get("/big", fields: ["accept-encoding": "gzip"])
      #expect(zipped.fields["content-encoding"] == "gzip")
      let none = try await HTTPConnection.connect(to: address).get("/other")
      #expect(none.status == 404)
    }
  }

  @Test(
    "what Envoy refuses is shown, and the exit code is Envoy's",
    arguments: [
      ("FilesApp", ["--filter-config", "/nowhere"], 1, "filter_config names no folder that is there: '/nowhere'"),
      ("TrialModule", ["--filter", "nothing"], 2, "libTrialModule.so has no filter 'nothing': one of "),
      ("HelloApp", ["--envoy", "/nowhere"], 2, "--envoy is /nowhere, which is no program: give the path of an Envoy"),
      ("Nothing", [], 2, "there is no file "),
    ] as [(String, [String], Int32, String)])
  func refused(product: String, arguments: [String], status: Int32, message: String) async throws {
    let process = try run(product, ["--port", "0"] + arguments)
    #expect(await process.exitStatus == status)
    #expect(process.output.contains(message), "\(process.output)")
    if status == 2 { #expect(process.output.filter { $0 == "\n" }.count == 1) }
  }

  @Test("a port that is taken is one line")
  func takenPort() async throws {
    try await withHTTPUpstream { upstream in
      let process = try run("HelloApp", ["--port", "\(upstream.address)".split(separator: ":").last.map(String.init)!])
      #expect(await process.exitStatus == 2)
      #expect(process.output.contains("cannot be listened on: Address already in use; choose another, or 0\n"))
    }
  }

  @Test("the configuration that is printed is Envoy's")
  func printed() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "printed-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let printing = try run("HelloApp", ["--print-envoy-config", "--port", "0", "--compress", "zstd,br,gzip"])
    #expect(await printing.exitStatus == 0)
    let file = folder.appending(path: "envoy.yaml")
    try Data(printing.output.utf8).write(to: file)
    let search = URL(filePath: Self.library("HelloApp")).deletingLastPathComponent().path
    let envoy = try ChildProcess(
      EnvoyProcess.executable!, ["--mode", "validate", "--config-path", file.path],
      environment: ["ENVOY_DYNAMIC_MODULES_SEARCH_PATH": search])
    #expect(await envoy.exitStatus == 0, "\(envoy.output)")
  }
}
