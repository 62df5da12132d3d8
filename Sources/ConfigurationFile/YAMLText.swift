// SPDX-License-Identifier: Apache-2.0
internal import Yams

/// JSON as YAML the way that people write it.
package enum YAMLText {
  package static func converting(json: String) throws -> String {
    guard let node = try Yams.compose(yaml: json) else { return "" }
    return try Yams.serialize(node: node.inBlocks, indent: 2, width: -1, allowUnicode: true)
  }
}

extension Node {
  /// The node as people write it: one member a line, quotes only where they are needed, and long texts as blocks.
  fileprivate var inBlocks: Node {
    switch self {
    case .mapping(let mapping):
      let pairs = mapping.map { ($0.key.inBlocks, $0.value.inBlocks) }
      return .mapping(Node.Mapping(pairs, .implicit, pairs.isEmpty ? .flow : .block))
    case .sequence(let sequence):
      return .sequence(Node.Sequence(sequence.map(\.inBlocks), .implicit, sequence.isEmpty ? .flow : .block))
    case .scalar(let scalar):
      // JSON has quotes around every text, and around nothing else.
      guard scalar.style == .doubleQuoted else { return .scalar(Node.Scalar(scalar.string, .implicit, .plain)) }
      if scalar.string.contains("\n") { return .scalar(Node.Scalar(scalar.string, .implicit, .literal)) }
      let style: Node.Scalar.Style = scalar.string.isPlain ? .plain : .doubleQuoted
      return .scalar(Node.Scalar(scalar.string, .implicit, style))
    case .alias: return self
    }
  }
}

extension String {
  /// Nobody takes it for anything but text when it has no quotes.
  fileprivate var isPlain: Bool {
    guard let first = utf8.first, first.isLetter || first == UInt8(ascii: "/") else {
      // Times, which Envoy reads as texts.
      return last == "s" && !dropLast().isEmpty && dropLast().utf8.allSatisfy { $0.isDigit || $0 == UInt8(ascii: ".") }
    }
    let words: Set = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
    return !words.contains(lowercased())
      && utf8.allSatisfy { $0.isLetter || $0.isDigit || "_-./".utf8.contains($0) }
  }
}

extension UInt8 {
  fileprivate var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
  fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
