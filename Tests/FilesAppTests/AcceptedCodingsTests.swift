// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import FilesApp

@Suite("Codings that a client accepts")
struct AcceptedCodingsTests {
  @Test(
    "what it likes best comes first, and what it does not want never",
    arguments: [
      ("", []), ("gzip", ["gzip"]), ("GZIP", ["gzip"]), ("gzip, br", ["br", "gzip"]),
      ("br;q=0.5,gzip", ["gzip", "br"]),
      ("gzip;q=0", []), ("gzip;q=0.0", []), ("gzip;q=0.000", []), ("gzip ; Q=0", []), ("gzip;q=0.001", ["gzip"]),
      ("*", ["br", "gzip"]), ("*;q=0", []), ("*;q=0, gzip", ["gzip"]), ("br;q=0, *", ["gzip"]),
      ("identity", []), ("identity, gzip;q=0.5", []), ("identity;q=0.5, gzip", ["gzip"]),
      ("identity;q=0, *", ["br", "gzip"]),
      ("gzip;q=", []), ("gzip;q=x", []), ("gzip;q=nan", []), (";q=1, ,", []), ("deflate", []),
    ])
  func chosen(value: String, codings: [String]) {
    #expect(AcceptedCodings(value).chosen(of: ["br", "gzip"]) == codings)
  }
}
