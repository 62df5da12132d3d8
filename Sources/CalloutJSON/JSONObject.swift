// SPDX-License-Identifier: Apache-2.0

/// The members of a JSON object, in order. A name that comes twice keeps its first place and its last value.
///
/// Names are the same where their bytes are, not where Unicode has them equivalent as `String` does (RFC 8259 §8.3).
public struct JSONObject: Sendable {
  private var members: [(name: String, value: JSONValue)] = []
  private var places: [[UInt8]: Int] = [:]

  public init() {}

  /// A member's value, or nil where there is none; setting nil removes it.
  public subscript(name: String) -> JSONValue? {
    get { places[Array(name.utf8)].map { members[$0].value } }
    set {
      switch (places[Array(name.utf8)], newValue) {
      case (let place?, let value?): members[place].value = value
      case (let place?, nil): remove(at: place)
      case (nil, let value?):
        places[Array(name.utf8)] = members.count
        members.append((name, value))
      case (nil, nil): break
      }
    }
  }

  private mutating func remove(at place: Int) {
    places[Array(members.remove(at: place).name.utf8)] = nil
    for later in place..<members.count { places[Array(members[later].name.utf8)] = later }
  }
}

extension JSONObject: RandomAccessCollection {
  public var startIndex: Int { 0 }
  public var endIndex: Int { members.count }
  public subscript(index: Int) -> (name: String, value: JSONValue) { members[index] }
}

/// Objects are equal where their members are, in any order.
extension JSONObject: Hashable {
  public static func == (a: JSONObject, b: JSONObject) -> Bool {
    a.count == b.count && a.allSatisfy { b[$0.name] == $0.value }
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(places.mapValues { members[$0].value })
  }
}
