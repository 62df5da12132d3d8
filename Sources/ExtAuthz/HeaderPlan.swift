// SPDX-License-Identifier: Apache-2.0
internal import Callouts

/// What becomes of one header after all changes of a mutation, so that it can be said in Envoy's terms.
///
/// Envoy's ext_authz takes the changes of a header not in the order in which they are sent, but sorted by kind, and the
/// kinds it knows are others for requests, responses and denials: `HeaderPlan+Wire` has them.
struct HeaderPlan {
  enum Outcome {
    case untouched
    case removed
    /// The values come behind those that are there.
    case appended([String])
    /// The header has these values and no others.
    case replaced([String])
    /// The header has this value where it was missing.
    case addedIfAbsent(String)
    /// The header has this value where it was there.
    case replacedIfPresent(String)
  }

  /// In lower case.
  let name: String
  /// Whether the header is there before the changes; nil where nobody knows but Envoy.
  private let wasPresent: Bool?
  private(set) var outcome = Outcome.untouched

  /// Plans all changes; `isPresent` tells by a name in lower case whether that header is there before them.
  ///
  /// Throws where Envoy would refuse a change, or has no terms for it.
  static func plans(
    _ mutation: HeaderMutation, isPresent: (String) -> Bool?
  ) throws(CalloutError) -> [HeaderPlan] {
    guard !mutation.isEmpty else { return [] }
    try mutation.check()
    let changes = mutation.changes
    var plans: [HeaderPlan] = []
    func index(of name: String) -> Int {
      let name = name.lowercased()
      if let index = plans.firstIndex(where: { $0.name == name }) { return index }
      plans.append(HeaderPlan(name: name, wasPresent: isPresent(name)))
      return plans.count - 1
    }
    // A mutation removes first and sets then.
    for case .remove(let name) in changes { plans[index(of: name)].outcome = .removed }
    for case .set(let name, let value, let action) in changes {
      guard let text = String(validating: value, as: UTF8.self) else {
        throw .illegal("the value of header '\(name)' is no UTF-8, which ext_authz cannot carry")
      }
      try plans[index(of: name)].set(text, action)
    }
    return plans
  }

  private mutating func set(_ value: String, _ action: HeaderMutation.Action) throws(CalloutError) {
    switch (action, isPresent) {
    case (.overwrite, _), (.overwriteIfExists, true), (.append, false), (.addIfAbsent, false):
      outcome = .replaced([value])
    case (.addIfAbsent, true), (.overwriteIfExists, false): break
    case (.append, _): try append(value)
    case (.addIfAbsent, nil), (.overwriteIfExists, nil):
      switch (outcome, action) {
      case (.untouched, .addIfAbsent): outcome = .addedIfAbsent(value)
      case (.untouched, _), (.replacedIfPresent, .overwriteIfExists): outcome = .replacedIfPresent(value)
      default: throw inexpressible
      }
    }
  }

  private mutating func append(_ value: String) throws(CalloutError) {
    switch outcome {
    case .untouched: outcome = .appended([value])
    case .appended(let values): outcome = .appended(values + [value])
    case .replaced(let values): outcome = .replaced(values + [value])
    case .removed, .addedIfAbsent, .replacedIfPresent: throw inexpressible
    }
  }

  /// Whether the header is there after the changes so far.
  private var isPresent: Bool? {
    switch outcome {
    case .untouched: wasPresent
    case .removed: false
    case .appended, .replaced, .addedIfAbsent: true
    case .replacedIfPresent: nil
    }
  }

  private var inexpressible: CalloutError {
    .illegal("ext_authz has no terms for this combination of changes to the response's header '\(name)'")
  }
}
