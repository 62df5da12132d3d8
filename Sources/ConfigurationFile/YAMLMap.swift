// SPDX-License-Identifier: Apache-2.0

/// A mapping of a file, in its order.
package struct YAMLMap {
  package struct Member {
    package let value: YAMLValue
    package let keyLine: Int?
  }

  package let place: YAMLValue
  package let what: String
  package let members: [(String, Member)]

  /// The value of a key; nil where it is not there, or is there without a value.
  package subscript(key: String) -> YAMLValue? {
    guard let value = members.first(where: { $0.0 == key })?.1.value, !value.isNull else { return nil }
    return value
  }

  package func required(_ key: String) throws(ConfigurationFileError) -> YAMLValue {
    if let value = self[key] { return value }
    throw place.failure("\(what) has no '\(key)'; give it one")
  }

  /// Nothing, or the one of the keys that is there.
  package func oneOf(_ keys: [String]) throws(ConfigurationFileError) -> String? {
    let found = keys.filter { self[$0] != nil }
    guard found.count < 2 else {
      throw place.failure("\(what) has both '\(found[0])' and '\(found[1])'; keep one")
    }
    return found.first
  }

  /// Nothing, or both of two keys that need each other.
  package func both(_ first: String, _ second: String) throws(ConfigurationFileError) -> (YAMLValue, YAMLValue)? {
    switch (self[first], self[second]) {
    case (nil, nil): return nil
    case (let one?, let other?): return (one, other)
    case (let found?, nil): throw found.failure("\(what) has '\(first)' without '\(second)'; give both")
    case (nil, let found?): throw found.failure("\(what) has '\(second)' without '\(first)'; give both")
    }
  }

  /// The name of something that must not be there yet.
  package func newName(
    _ what: String, among existing: some Sequence<String>
  ) throws(ConfigurationFileError) -> String {
    let value = try required("name")
    let name = try value.text()
    guard !existing.contains(name) else { throw value.failure("there are two \(what) '\(name)'; rename one") }
    return name
  }
}
