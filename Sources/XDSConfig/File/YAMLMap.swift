// SPDX-License-Identifier: Apache-2.0
internal import Yams

/// A value of a file, with its place.
struct YAMLValue {
  let node: Node
  let file: String
  /// What it is, in the words of an error: `'timeout' of a route`.
  let what: String

  var line: Int? { node.mark?.line }

  var isMap: Bool { node.mapping != nil }

  func failure(_ text: String) -> ProxyFileError { ProxyFileError(file, line: line, text) }

  /// A list's values; one value alone is a list of it.
  func list() -> [YAMLValue] {
    guard case .sequence(let sequence) = node else { return [self] }
    return sequence.map { YAMLValue(node: $0, file: file, what: what) }
  }

  /// The value as a mapping with some of the keys.
  func map(_ what: String, keys: [String]) throws(ProxyFileError) -> YAMLMap {
    let map = try map(what)
    for (key, value) in map.members where !keys.contains(key) {
      let line = value.keyLine
      throw ProxyFileError(file, line: line, "unknown key '\(key)' in \(what): one of \(keys.joined(separator: ", "))")
    }
    return map
  }

  /// The value as a mapping of names that the file chooses.
  func map(_ what: String) throws(ProxyFileError) -> YAMLMap {
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

/// A mapping of a file, in its order.
struct YAMLMap {
  struct Member {
    let value: YAMLValue
    let keyLine: Int?
  }

  let place: YAMLValue
  let what: String
  let members: [(String, Member)]

  /// The value of a key; nil where it is not there, or is there without a value.
  subscript(key: String) -> YAMLValue? {
    guard let value = members.first(where: { $0.0 == key })?.1.value else { return nil }
    if case .scalar(let scalar) = value.node, scalar.style == .plain, ["", "~", "null"].contains(scalar.string) {
      return nil
    }
    return value
  }

  func required(_ key: String) throws(ProxyFileError) -> YAMLValue {
    if let value = self[key] { return value }
    throw place.failure("\(what) has no '\(key)'; give it one")
  }

  /// Nothing, or the one of the keys that is there.
  func oneOf(_ keys: [String]) throws(ProxyFileError) -> String? {
    let found = keys.filter { self[$0] != nil }
    guard found.count < 2 else {
      throw place.failure("\(what) has both '\(found[0])' and '\(found[1])'; keep one")
    }
    return found.first
  }
}
