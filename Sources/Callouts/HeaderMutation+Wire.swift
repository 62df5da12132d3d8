// SPDX-License-Identifier: Apache-2.0
extension HeaderMutation {
  /// What is seen of a mutation while it is written, so that nobody need read it again.
  struct Traits: OptionSet, Hashable {
    let rawValue: UInt8

    /// A name or a value holds bytes for which Envoy would refuse the whole reply.
    static let illegal = Traits(rawValue: 1)
    /// A header is set on which Envoy's choice of a route always depends.
    static let routing = Traits(rawValue: 2)
    /// Envoy's mutation rules have a say in a name.
    static let ruled = Traits(rawValue: 4)
    /// A header is removed.
    static let removing = Traits(rawValue: 8)
  }

  // HeaderMutation{set_headers = 1, remove_headers = 2}, HeaderValueOption{header = 1, append = 2, append_action = 3},
  // HeaderValue{key = 1, value = 2, raw_value = 3}. Envoy takes `value` for nothing: only `raw_value` counts.

  mutating func addSetting(_ name: String, _ value: UnsafeRawBufferPointer, _ action: Action) {
    name.withBytes { name in
      traits.formUnion(Self.traits(of: name, isSet: true))
      if !value.allSatisfy(Self.isFieldByte) { traits.insert(.illegal) }
      let header = Protobuf.sizeOfField(name.count) + Protobuf.sizeOfField(value.count)
      // Envoy up to 1.40 reads only `append`, newer clients only `append_action`: both say the same.
      let setting = Protobuf.sizeOfField(header) + (action == .append ? 4 : 2)
      serialized.appendProtobuf(size: Protobuf.sizeOfField(setting)) { writer in
        writer.head(field: 1, length: setting)
        writer.head(field: 1, length: header)
        writer.bytes(field: 1, name)
        writer.bytes(field: 3, value)
        if action == .append {
          writer.head(field: 2, length: 2)
          writer.varint(field: 1, 1)
        } else {
          writer.varint(field: 3, UInt64(action.rawValue))
        }
      }
    }
  }

  mutating func addRemoval(_ name: String) {
    name.withBytes { name in
      traits.formUnion(Self.traits(of: name, isSet: false))
      traits.insert(.removing)
      serialized.appendProtobuf(size: Protobuf.sizeOfField(name.count)) { $0.bytes(field: 2, name) }
    }
  }

  private static func traits(of name: UnsafeRawBufferPointer, isSet: Bool) -> Traits {
    guard isName(name) else { return .illegal }
    // The first byte of nearly all names tells that there is nothing to say.
    switch name[0] {
    case UInt8(ascii: ":"), UInt8(ascii: "h"), UInt8(ascii: "H"):
      guard routingHeaders.contains(where: { $0.isEqualIgnoringCase(to: name) }) else {
        return name[0] == UInt8(ascii: ":") ? .ruled : []
      }
      return isSet ? [.routing, .ruled] : .ruled
    case UInt8(ascii: "x"), UInt8(ascii: "X"):
      return envoyPrefix.isEqualIgnoringCase(
        to: UnsafeRawBufferPointer(rebasing: name.prefix(envoyPrefix.utf8CodeUnitCount)))
        ? .ruled : []
    default: return []
    }
  }

  private static let routingHeaders: [StaticString] = [":path", ":authority", ":method", ":scheme", "host"]
  private static let envoyPrefix: StaticString = "x-envoy"

  /// A token (RFC 9110 §5.6.2), or a pseudo-header's name.
  private static func isName(_ name: UnsafeRawBufferPointer) -> Bool {
    if isUsualName(name) { return true }
    let start = name.first == UInt8(ascii: ":") ? 1 : 0
    guard start < name.count else { return false }
    for index in start..<name.count where !isTokenByte(name[index]) { return false }
    return true
  }

  /// Whether the name has lower-case letters and hyphens only, as nearly all have: eight bytes are looked at at a time.
  private static func isUsualName(_ name: UnsafeRawBufferPointer) -> Bool {
    guard name.count >= 8 else { return false }
    let high: UInt64 = 0x8080_8080_8080_8080
    let ones: UInt64 = 0x0101_0101_0101_0101
    var offset = 0
    while true {
      let bytes = name.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      guard bytes & high == 0 else { return false }
      // Without a carry from one byte to the next, since each is below 0x80: the high bit of each byte tells.
      let fromA = bytes + ones * UInt64(0x80 - UInt8(ascii: "a"))
      let beyondZ = bytes + ones * UInt64(0x80 - UInt8(ascii: "z") - 1)
      let isHyphen = high - (bytes ^ ones * UInt64(UInt8(ascii: "-")))
      guard (fromA & ~beyondZ | isHyphen) & high == high else { return false }
      guard offset < name.count - 8 else { return true }
      offset = min(offset + 8, name.count - 8)
    }
  }

  static func isToken(_ name: String) -> Bool { !name.isEmpty && name.utf8.allSatisfy(isTokenByte) }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    // One bit for each of the first 128 bytes: !#$%&'*+-. and digits, then letters, ^_`| and ~.
    let bits: UInt64 = byte < 64 ? 0x03ff_6cfa_0000_0000 : 0x57ff_ffff_c7ff_fffe
    return byte < 128 && bits >> UInt64(byte & 63) & 1 == 1
  }

  /// Anything but control characters, of which a tab is allowed (RFC 9110 §5.5).
  static func isFieldByte(_ byte: UInt8) -> Bool { (byte >= 0x20 && byte != 0x7f) || byte == 0x09 }
}

extension HeaderMutation {
  /// One change, as it is read again where that is seldom needed.
  package enum Change: Sendable {
    case set(name: String, value: [UInt8], Action)
    case remove(name: String)
  }

  /// All changes, in order.
  package var changes: [Change] {
    var changes: [Change] = []
    forEachField { bytes, isSetting, range in
      if isSetting {
        Self.readSetting(bytes, range) { name, value, action in
          changes.append(.set(name: String(decoding: name, as: UTF8.self), value: Array(value), action))
        }
      } else {
        changes.append(.remove(name: String(decoding: bytes[range], as: UTF8.self)))
      }
    }
    return changes
  }

  /// Calls `body` with the name of each header that is removed, in order. The bytes are those of the message.
  package func forEachRemoval(_ body: (_ name: UnsafeRawBufferPointer) -> Void) {
    guard traits.contains(.removing) else { return }
    forEachField { bytes, isSetting, range in
      if !isSetting { body(UnsafeRawBufferPointer(rebasing: bytes[range])) }
    }
  }

  /// Calls `body` with each header that is set, in order. The bytes are those of the message.
  package func forEachSetting(
    _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, Action) -> Void
  ) {
    forEachField { bytes, isSetting, range in if isSetting { Self.readSetting(bytes, range, body) } }
  }

  @inline(__always)
  private func forEachField(_ body: (UnsafeRawBufferPointer, _ isSetting: Bool, Range<Int>) -> Void) {
    serialized.withUnsafeBytes { bytes in
      var reader = ProtobufReader(bytes)
      // It was written here, so reading it cannot fail.
      while let tag = try? reader.nextTag(), let range = try? reader.readRange() {
        body(bytes, tag.field == 1, range)
      }
    }
  }

  private static func readSetting(
    _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>,
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, Action) -> Void
  ) {
    var option = ProtobufReader(bytes, range: range)
    guard (try? option.nextTag()) != nil, let header = try? option.readRange() else { return }
    var reader = ProtobufReader(bytes, range: header)
    guard (try? reader.nextTag()) != nil, let name = try? reader.readRange(), (try? reader.nextTag()) != nil,
      let value = try? reader.readRange()
    else { return }
    // An action that is not there is the first of them.
    let action = (try? option.nextTag())?.field == 3 ? (try? option.readVarint()).map { Int($0) } : nil
    body(
      UnsafeRawBufferPointer(rebasing: bytes[name]), UnsafeRawBufferPointer(rebasing: bytes[value]),
      action.flatMap(Action.init) ?? .append)
  }

  /// Throws where a name or a value holds bytes for which Envoy would refuse the whole reply.
  package func check() throws(CalloutError) {
    guard traits.contains(.illegal) else { return }
    for change in changes {
      let name =
        switch change {
        case .set(let name, _, _), .remove(let name): name
        }
      guard Self.isToken(name.hasPrefix(":") ? String(name.dropFirst()) : name) else {
        throw .illegal("'\(name)' is no header name")
      }
      if case .set(_, let value, _) = change, !value.allSatisfy(Self.isFieldByte) {
        throw .illegal("the value of header '\(name)' holds a character that no header may")
      }
    }
  }

  /// A header changes that Envoy's choice of a route always depends on. What else routes may match, only their
  /// author knows.
  package func changesRoute(_ phase: Phase) -> Bool { traits.contains(.routing) && phase.direction == .request }

  package func sets(_ name: String) -> Bool {
    changes.contains { change in
      if case .set(let candidate, _, _) = change { candidate.lowercased() == name } else { false }
    }
  }
}

extension StaticString {
  /// Whether the bytes are this lower-case text but for the case of letters.
  fileprivate func isEqualIgnoringCase(to bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count == utf8CodeUnitCount
      && zip(bytes, UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)).allSatisfy { byte, letter in
        byte == letter || ((UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) && byte | 0x20 == letter)
      }
  }
}
