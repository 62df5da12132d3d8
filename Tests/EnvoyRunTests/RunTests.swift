// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import ExtProcTesting
import Foundation
import Testing

@Suite(
  "envoyrun", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"), .timeLimit(.minutes(3)))
struct RunTests {
  @Test("an application is served on the port that is printed")
  func application() async throws {
    try await EnvoyRunProcess.run("HelloApp", []) { process in
      let response = try await HTTPConnection.connect(to: try await process.address()).get("/")
      #expect(response.text == "hello\n")
    }
  }

  @Test("a callout is before an upstream")
  func callout() async throws {
    try await withHTTPUpstream { upstream in
      try await EnvoyRunProcess.run("AddHeaderModule", ["--upstream", "\(upstream.address)"]) { process in
        let response = try await HTTPConnection.connect(to: try await process.address()).get("/")
        #expect(response.text.contains("header-request: request"))
        #expect(response.fields["header-response"] == "response")
      }
    }
  }

  @Test("applications are mounted on prefixes")
  func mounts() async throws {
    try await EnvoyRunProcess.run("TrialModule", ["--mount", "/api/=mounted"]) { process in
      let connection = try await HTTPConnection.connect(to: try await process.address())
      #expect(try await connection.get("/api").text == "api")
      #expect(try await connection.get("/other").status == 404)
    }
  }

  @Test("the address is the one that is asked for", arguments: ["127.0.0.2", "::1"])
  func host(_ host: String) async throws {
    try await EnvoyRunProcess.run("HelloApp", ["--host", host]) { process in
      let address = try await process.address()
      #expect("\(address)".contains(host))
      #expect(try await HTTPConnection.connect(to: address).get("/").text == "hello\n")
    }
  }

  @Test(
    "what Envoy refuses is shown, and the exit code is Envoy's",
    arguments: [
      ("FilesApp", ["--filter-config", "/nowhere"], 1, "filter_config names no folder that is there: '/nowhere'"),
      ("TrialModule", ["--filter", "nothing"], 2, "libTrialModule.so has no filter 'nothing': one of "),
      ("HelloApp", ["--envoy", "/nowhere"], 2, "--envoy is /nowhere, which is no program: give the path of an Envoy"),
      ("HelloApp", ["--host", "localhost"], 2, "--host localhost is no IP address: give one of this machine"),
      (
        "HelloApp", ["--upstream", "127.0.0.1:1"], 2,
        "--upstream is for callouts, and 'hello' is an application, which answers: leave it out"
      ),
      ("Nothing", [], 2, "there is no file "),
    ] as [(String, [String], Int32, String)])
  func refused(product: String, arguments: [String], status: Int32, message: String) async throws {
    let process = try EnvoyRunProcess.start(product, ["--port", "0"] + arguments)
    #expect(await process.exitStatus == status)
    #expect(process.output.contains(message), "\(process.output)")
    if status == 2 { #expect(process.output.filter { $0 == "\n" }.count == 1) }
  }

  @Test("a port that is taken is one line")
  func takenPort() async throws {
    try await withHTTPUpstream { upstream in
      let port = "\(upstream.address)".split(separator: ":").last.map(String.init)!
      let process = try EnvoyRunProcess.start("HelloApp", ["--port", port])
      #expect(await process.exitStatus == 2)
      #expect(process.output.contains("cannot be listened on: Address already in use; choose another, or 0\n"))
    }
  }

  @Test("the configuration that is printed is Envoy's")
  func printed() async throws {
    try await EnvoyRunProcess.withFolder { folder in
      let printing = try EnvoyRunProcess.start(
        "HelloApp", ["--print-envoy-config", "--port", "0", "--compress", "zstd,br,gzip"])
      #expect(await printing.exitStatus == 0)
      let file = folder.appending(path: "envoy.yaml")
      try Data(printing.output.utf8).write(to: file)
      let search = URL(filePath: EnvoyRunProcess.library("HelloApp")).deletingLastPathComponent().path
      let envoy = try ChildProcess(
        EnvoyProcess.executable!, ["--mode", "validate", "--config-path", file.path],
        environment: ["ENVOY_DYNAMIC_MODULES_SEARCH_PATH": search])
      #expect(await envoy.exitStatus == 0, "\(envoy.output)")
    }
  }

  @Test("an upload that stalls comes to an end")
  func stalledUpload() async throws {
    let printing = try EnvoyRunProcess.start("EchoApp", ["--print-envoy-config", "--port", "0"])
    #expect(await printing.exitStatus == 0)
    let (usual, brief) = ("stream_idle_timeout: 300s", "stream_idle_timeout: 0.2s")
    #expect(printing.output.contains(usual))
    try await withEnvoy(bootstrap: Array(printing.output.replacing(usual, with: brief).utf8)) { envoy in
      let connection = try await TCPConnection.connect(to: envoy.address)
      try await connection.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf")
      // A response that has begun ends early, with the connection.
      let response = try await connection.receiveAll()
      #expect(response.contains("half"))
      #expect(!response.contains("x-length: 4"))
    }
  }
}
