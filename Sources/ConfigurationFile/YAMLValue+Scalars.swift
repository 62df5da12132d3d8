// SPDX-License-Identifier: Apache-2.0
internal import Yams

extension YAMLValue {
  package func text() throws(ConfigurationFileError) -> String {
    guard case .scalar(let scalar) = node else { throw failure("\(what) has to be a text") }
    return scalar.string
  }

  package func texts() throws(ConfigurationFileError) -> [String] {
    var texts: [String] = []
    for value in list() { texts.append(try value.text()) }
    return texts
  }

  package func bool() throws(ConfigurationFileError) -> Bool {
    switch try text() {
    case "true", "on", "yes": return true
    case "false", "off", "no": return false
    case let text: throw failure("\(what) is '\(text)': true or false")
    }
  }

  package func number<Number: FixedWidthInteger>(_ range: ClosedRange<Number>) throws(ConfigurationFileError) -> Number
  {
    let text = try text()
    guard let number = Number(text), range.contains(number) else {
      throw failure("\(what) is '\(text)': a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// One of some words.
  package func choice<Choice>(_ choices: KeyValuePairs<String, Choice>) throws(ConfigurationFileError) -> Choice {
    let text = try text()
    if let choice = choices.first(where: { $0.key == text }) { return choice.value }
    throw failure("\(what) is '\(text)': one of \(choices.map(\.key).joined(separator: ", "))")
  }

  /// A time with its unit, such as `500ms`, `15s`, `2m` or `1h`.
  package func duration() throws(ConfigurationFileError) -> Duration {
    let text = try text()
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let units: [Substring: Double] = ["ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000]
    guard let number = Double(digits), let unit = units[text.dropFirst(digits.count)], number * unit < 1e12 else {
      throw failure("\(what) is '\(text)': a time with its unit, as 500ms, 15s, 2m or 1h")
    }
    return .milliseconds(Int64(number * unit))
  }

  /// A time, or nil for `none`.
  package func durationOrNone() throws(ConfigurationFileError) -> Duration? {
    try text() == "none" ? nil : try duration()
  }
}
