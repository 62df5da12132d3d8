// SPDX-License-Identifier: Apache-2.0
internal import Yams

/// A value of a file, with its place.
package struct YAMLValue {
  let node: Node
  let file: String
  /// What it is, in the words of an error: `'timeout' of a route`.
  package let what: String

  package var line: Int? { node.mark?.line }

  package var isMap: Bool { node.mapping != nil }

  /// Whether a key is there without a value.
  package var isNull: Bool {
    guard case .scalar(let scalar) = node else { return false }
    return scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
  }

  package func failure(_ text: String) -> ConfigurationFileError { ConfigurationFileError(file, line: line, text) }

  /// A list's values; one value alone is a list of it.
  package func list() -> [YAMLValue] {
    guard case .sequence(let sequence) = node else { return [self] }
    return sequence.map { YAMLValue(node: $0, file: file, what: what) }
  }

  /// The value as a mapping with some of the keys.
  package func map(_ what: String, keys: [String]) throws(ConfigurationFileError) -> YAMLMap {
    let map = try map(what)
    for (key, member) in map.members {
      guard keys.contains(key) else {
        throw ConfigurationFileError(
          file, line: member.keyLine, "unknown key '\(key)' in \(what): one of \(keys.joined(separator: ", "))")
      }
      // Such as one below which all lines are commented out: to go on without it could let through what it was to stop.
      guard !member.value.isNull else {
        throw ConfigurationFileError(
          file, line: member.keyLine, "\(member.value.what) has no value; give it one, or leave it out")
      }
    }
    return map
  }

  /// The value as a mapping of names that the file chooses.
  package func map(_ what: String) throws(ConfigurationFileError) -> YAMLMap {
    guard case .mapping(let mapping) = node else {
      throw failure("\(self.what) has to be a mapping, as in 'key: value'")
    }
    var members: [(String, YAMLMap.Member)] = []
    for (key, value) in mapping {
      guard case .scalar(let name) = key else { throw failure("\(self.what) has a key that is no text") }
      let value = YAMLValue(node: value, file: file, what: "'\(name.string)' of \(what)")
      members.append((name.string, .init(value: value, keyLine: key.mark?.line)))
    }
    return YAMLMap(place: self, what: what, members: members)
  }
}
