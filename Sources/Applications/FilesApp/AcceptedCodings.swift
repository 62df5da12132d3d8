// SPDX-License-Identifier: Apache-2.0

/// The codings that a client accepts. Source: RFC 9110 §12.5.3.
struct AcceptedCodings {
  /// From 0, which is not at all, to 1.
  private var weights: [String: Double] = [:]

  init(_ value: String) {
    for part in value.split(separator: ",") {
      let words = part.filter { $0 != " " && $0 != "\t" }.lowercased().split(separator: ";")
      guard let coding = words.first else { continue }
      let weight = words.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
      weights[String(coding)] = weight
    }
  }

  /// Those that the client accepts, what it likes best first; none that it likes less than no coding.
  func chosen(of codings: [String]) -> [String] {
    let plain = weights["identity"] ?? 0
    let accepted = codings.enumerated().map { (place: $0, coding: $1, weight: weights[$1] ?? weights["*"] ?? 0) }
      .filter { $0.weight > 0 && $0.weight >= plain }
    return accepted.sorted { ($1.weight, $0.place) < ($0.weight, $1.place) }.map(\.coding)
  }
}
