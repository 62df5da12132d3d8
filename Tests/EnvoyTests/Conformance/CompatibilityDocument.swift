// SPDX-License-Identifier: Apache-2.0

/// docs/envoy-compatibility.md, made of the table's rows.
///
/// What the rows expect is what the tests have seen on each version, so that the document cannot say anything else.
enum CompatibilityDocument {
  static var text: String {
    let topics = Row.Topic.allCases.map { topic in section(topic, Row.all.filter { $0.topic == topic }) }
    return introduction + topics.joined(separator: "\n")
  }

  private static let introduction = """
    # What Envoy does with an ext_proc server

    Each line was seen by running it on Envoy 1.36, 1.37, 1.38, 1.39 and 1.40: what a server does, and what the client or
    the upstream then gets, a status with Envoy's response code details where the answer is Envoy's own. Where versions
    differ, each says what it does. Unless a line says otherwise the filter sends both headers and no bodies, and does not
    allow failures; `message_timeout` is 0.2 s where a line is about time. Written by `make test-envoy-versions`; the rows are in
    `Tests/EnvoyTests/Conformance`.


    """

  private static func section(_ topic: Row.Topic, _ rows: [Row]) -> String {
    let lines = rows.map { "| \(escaped($0.rule)) | \(outcome($0)) |\n" }
    return "## \(topic.rawValue)\n\n| rule | seen |\n| --- | --- |\n" + lines.joined()
  }

  private static func outcome(_ row: Row) -> String {
    guard !row.older.isEmpty else { return escaped(row.expected) }
    let older = row.older.sorted { $0.key.lowerBound < $1.key.lowerBound }.map { range, seen in
      let last = range.upperBound == range.lowerBound ? "" : " to \(range.upperBound.name)"
      return "\(range.lowerBound.name)\(last): \(escaped(seen))"
    }
    let first = row.older.keys.map(\.upperBound.rawValue).max().flatMap { EnvoyVersion(rawValue: $0 + 1)?.name } ?? ""
    return (older + ["from \(first): \(escaped(row.expected))"]).joined(separator: "<br>")
  }

  private static func escaped(_ text: String) -> String { text.replacing("|", with: "\\|") }
}
