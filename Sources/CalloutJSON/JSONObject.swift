// SPDX-License-Identifier: Apache-2.0

/// The members of a JSON object, in order. A name that comes twice keeps its first place and its last value.
public struct JSONObject: Sendable {
  private var members: [(name: String, value: JSONValue)] = []
  private var places: [String: Int] = [:]

  public init() {}

  /// A member's value, or nil where there is none; setting nil removes it.
  public subscript(name: String) -> JSONValue? {
    get { places[name].map { members[$0].value } }
    set {
      switch (places[name], newValue) {
      case (let place?, let value?): members[place].value = value
      case (let place?, nil): remove(at: place)
      case (nil, let value?):
        places[name] = members.count
        members.append((name, value))
      case (nil, nil): break
      }
    }
  }

  private mutating func remove(at place: Int) {
    places[members.remove(at: place).name] = nil
    for later in place..<members.count { places[members[later].name] = later }
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
    hasher.combine(Dictionary(members.map { ($0.name, $0.value) }) { $1 })
  }
}
