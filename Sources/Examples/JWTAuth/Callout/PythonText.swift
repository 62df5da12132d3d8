// SPDX-License-Identifier: Apache-2.0
import CalloutJSON

extension JSONValue {
  /// The value as Python's `str` has it, which is what upstreams of the callouts in Python read.
  var pythonText: String {
    if case .string(let text) = self { text } else { pythonLiteral }
  }

  /// The value as Python's `repr` has it.
  private var pythonLiteral: String {
    switch self {
    case .null: "None"
    case .bool(let value): value ? "True" : "False"
    case .number(let number):
      if number.isInteger { number.text == "-0" ? "0" : number.text } else { "\(number.double)" }
    case .string(let text): Self.quoted(text)
    case .array(let elements): "[" + elements.map(\.pythonLiteral).joined(separator: ", ") + "]"
    case .object(let object):
      "{" + object.map { "\(Self.quoted($0.name)): \($0.value.pythonLiteral)" }.joined(separator: ", ") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    let quote: Unicode.Scalar = text.unicodeScalars.contains("'") && !text.unicodeScalars.contains("\"") ? "\"" : "'"
    let escaped = text.unicodeScalars.map { scalar -> String in
      switch scalar {
      case "\n": "\\n"
      case "\r": "\\r"
      case "\t": "\\t"
      case "\\", quote: "\\\(scalar)"
      default: isPrintable(scalar) ? String(scalar) : hexadecimal(scalar.value)
      }
    }
    return "\(quote)\(escaped.joined())\(quote)"
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: scalar == " "
    default: true
    }
  }

  private static func hexadecimal(_ value: UInt32) -> String {
    let (mark, count) = value < 0x100 ? ("x", 2) : value < 0x10000 ? ("u", 4) : ("U", 8)
    let digits = String(value, radix: 16)
    return "\\\(mark)" + String(repeating: "0", count: count - digits.count) + digits
  }
}
