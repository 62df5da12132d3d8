// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import Testing
import XDS

@Suite("A description of a proxy that is edited while the program runs", .timeLimit(.minutes(1)))
struct ProxyFileChangeTests {
  private func text(_ listener: String, upstream: String = "shop") -> String {
    """
    listeners:
    - { name: \(listener), address: '127.0.0.1:10000', routes: [{ prefix: /, upstream: \(upstream) }] }
    upstreams: [{ name: shop, endpoints: '10.0.0.7:80' }]
    """
  }

  @Test(
    "a good edit reaches the proxy, a bad one is a line of the log and changes nothing",
    arguments: DiscoveryConfiguration.Variant.allCases)
  func edits(variant: DiscoveryConfiguration.Variant) async throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "proxy-\(UUID().uuidString).yaml")
    defer { try? FileManager.default.removeItem(at: file) }
    func write(_ text: String) throws { try Data(text.utf8).write(to: file, options: .atomic) }

    try write(text("first"))
    let program = try await ExampleProcess.serve(
      "AddHeader", "--proxy-config", file.path, "--xds-address", "127.0.0.1:0")
    let envoy = DiscoveryClient(DiscoveryConfiguration(variant, nodeID: "edge"))
    envoy.connect(over: try await CalloutClient.connect(to: try #require(program.xds)).channel)
    func waitForListener(_ name: String) async throws {
      try await envoy.wait { Array($0.held(.listener).keys) == [name] && $0.warming.isEmpty }
    }
    try await waitForListener("first")
    #expect(envoy.state.held(.cluster).keys.contains("shop"))

    try write(text("second"))
    try await waitForListener("second")

    try write(text("third", upstream: "ship"))
    let refused = try await program.process.waitForOutput { output in
      let lines = output.split(separator: "\n").filter { $0.contains("stays as it was") }
      return lines.first.map { (line: String($0), count: lines.count) }
    }
    #expect(refused.count == 1 && refused.line.contains(" error "))
    #expect(refused.line.contains("\(file.lastPathComponent):2: ") && refused.line.contains("ship"), "\(refused.line)")
    #expect(Array(envoy.state.held(.listener).keys) == ["second"])

    try write(text("fourth"))
    try await waitForListener("fourth")
    #expect(envoy.state.responses.allSatisfy { $0.refusal == nil })
    #expect(envoy.state.responses.allSatisfy { !$0.names.contains("third") })
    envoy.disconnect()
    await program.process.end()
    #expect(program.process.output.split(separator: "\n").count { $0.contains("stays as it was") } == 1)
  }
}
