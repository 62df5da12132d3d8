// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import Testing

@Suite(
  "envoyrun --compress", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(1)))
struct CompressionTests {
  @Test("answers are compressed, with a tag that says so, and ranges are not", arguments: ["gzip", "br", "zstd"])
  func files(encoding: String) async throws {
    try await EnvoyRunProcess.withFolder { folder in
      let text = (0..<2_000).map { "line \($0)\n" }.joined()
      try Data(text.utf8).write(to: folder.appending(path: "page.txt"))
      let arguments = ["--filter-config", folder.path, "--compress", encoding]
      try await EnvoyRunProcess.run("FilesApp", arguments) { process in
        let connection = try await HTTPConnection.connect(to: try await process.address())
        let accept = ("accept-encoding", encoding)
        let plain = try await connection.get("/page.txt")
        let tag = try #require(plain.fields["etag"])
        #expect(plain.text == text)
        #expect(plain.fields["content-encoding"] == nil)

        let compressed = try await connection.get("/page.txt", fields: [accept.0: accept.1])
        #expect(compressed.fields["content-encoding"] == encoding)
        #expect(compressed.body.readableBytes < text.utf8.count / 2)
        #expect(compressed.fields["etag"] == "W/\(tag)")

        let range = try await connection.get("/page.txt", fields: [accept.0: accept.1, "range": "bytes=100-5099"])
        #expect(range.status == 206)
        #expect(range.fields["content-range"] == "bytes 100-5099/\(text.utf8.count)")
        #expect(range.fields["content-encoding"] == nil)
        #expect(range.fields["etag"] == tag)
        #expect(range.text == String(text.dropFirst(100).prefix(5_000)))

        let known = try await connection.get("/page.txt", fields: [accept.0: accept.1, "if-none-match": "W/\(tag)"])
        #expect(known.status == 304)
      }
    }
  }
}
