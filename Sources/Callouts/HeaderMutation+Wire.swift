// SPDX-License-Identifier: Apache-2.0
extension HeaderMutation {
  /// The size of the serialized HeaderMutation, without its own tag and length.
  var wireSize: Int {
    var size = 0
    for setting in settings { size += Protobuf.sizeOfField(setting.wireSize) }
    for name in removals { size += Protobuf.sizeOfField(name.utf8.count) }
    return size
  }

  func write(to writer: inout ProtobufWriter) {
    for setting in settings {
      writer.head(field: 1, length: setting.wireSize)
      setting.write(to: &writer)
    }
    for name in removals { writer.string(field: 2, name) }
  }

  /// Throws where a name or a value holds bytes for which Envoy would refuse the whole reply.
  func check() throws(CalloutError) {
    for setting in settings {
      guard Self.isName(setting.name) else {
        throw .illegal("'\(setting.name)' is no header name")
      }
      guard setting.value.isFieldValue else {
        throw .illegal("the value of header '\(setting.name)' holds a character that no header may")
      }
    }
    for name in removals where !Self.isName(name) { throw .illegal("'\(name)' is no header name") }
  }

  /// A token (RFC 9110 §5.6.2), or a pseudo-header's name.
  private static func isName(_ name: String) -> Bool {
    isToken(name.utf8.first == UInt8(ascii: ":") ? name.utf8.dropFirst() : name.utf8[...])
  }

  static func isToken(_ name: Substring.UTF8View) -> Bool { !name.isEmpty && name.allSatisfy(isTokenByte) }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
      UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
      UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "^"), UInt8(ascii: "`"),
      UInt8(ascii: "|"), UInt8(ascii: "~"):
      true
    default: false
    }
  }
}

extension HeaderMutation.Setting {
  // HeaderValueOption{header = 1, append = 2, append_action = 3}, HeaderValue{key = 1, raw_value = 3}.

  private var headerSize: Int {
    Protobuf.sizeOfField(name.utf8.count) + Protobuf.sizeOfField(value.count)
  }

  fileprivate var wireSize: Int {
    // Envoy up to 1.40 reads only `append`, newer clients only `append_action`: both say the same.
    Protobuf.sizeOfField(headerSize) + (action == .append ? 4 : 2)
  }

  fileprivate func write(to writer: inout ProtobufWriter) {
    writer.head(field: 1, length: headerSize)
    writer.string(field: 1, name)
    // Envoy takes `value` for nothing: only `raw_value` counts.
    writer.head(field: 3, length: value.count)
    switch value {
    case .string(let string): writer.string(string)
    case .bytes(let bytes): bytes.withUnsafeBytes { writer.raw($0) }
    }
    if action == .append {
      writer.head(field: 2, length: 2)
      writer.varint(field: 1, 1)
    } else {
      writer.varint(field: 3, UInt64(action.rawValue))
    }
  }
}

extension HeaderValue {
  fileprivate var count: Int {
    switch self {
    case .string(let string): string.utf8.count
    case .bytes(let bytes): bytes.count
    }
  }

  fileprivate var isFieldValue: Bool {
    switch self {
    case .string(var string): string.withUTF8 { $0.allSatisfy(Self.isFieldByte) }
    case .bytes(let bytes): bytes.allSatisfy(Self.isFieldByte)
    }
  }

  /// Anything but NUL, CR and LF (RFC 9110 §5.5).
  private static func isFieldByte(_ byte: UInt8) -> Bool { byte != 0 && byte != 0x0a && byte != 0x0d }
}
