// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import SwiftProtobuf

/// Random numbers that are the same in every run (SplitMix64).
struct Seeded: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// Protobuf as no encoder writes it: numbers with needless bytes, wrong wire types, groups.
enum Wire {
  static func varint(_ value: UInt64, padding: Int = 0) -> [UInt8] {
    var bytes: [UInt8] = []
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(value))
    guard padding > 0 else { return bytes }
    bytes[bytes.count - 1] |= 0x80
    return bytes + Array(repeating: 0x80, count: padding - 1) + [0]
  }

  static func tag(_ field: Int, _ wireType: UInt64) -> [UInt8] { varint(UInt64(field) << 3 | wireType) }
  static func number(_ field: Int, _ value: UInt64) -> [UInt8] { tag(field, 0) + varint(value) }
  static func bytes(_ field: Int, _ bytes: [UInt8]) -> [UInt8] { tag(field, 2) + varint(UInt64(bytes.count)) + bytes }
  static func group(_ field: Int, _ content: [UInt8]) -> [UInt8] { tag(field, 3) + content + tag(field, 4) }
}

/// Makes serialized ProcessingRequests that are well-formed but as strange as protobuf allows.
struct RandomRequest {
  var random: Seeded
  /// Fields that are only read when they are asked for, and a oneof that is set more than once.
  var hasLazyParts = true

  mutating func next() -> [UInt8] {
    var fields: [[UInt8]] = []
    let phases = hasLazyParts ? Int.random(in: 0...3, using: &random) : Int.random(in: 0...1, using: &random)
    let number = Int.random(in: 2...7, using: &random)
    for _ in 0..<phases {
      let field = chance(2) ? number : Int.random(in: 2...7, using: &random)
      fields.append(Wire.bytes(field, field == 4 || field == 5 ? body() : headers()))
    }
    if chance(3) { fields.append(Wire.number(10, anyNumber())) }
    for _ in 0..<Int.random(in: 0...2, using: &random) { fields.append(Wire.bytes(11, configuration())) }
    for _ in 0..<Int.random(in: 0...2, using: &random) where chance(3) {
      fields.append(Wire.bytes(Int.random(in: 12...13, using: &random), windows()))
    }
    if hasLazyParts { fields += coldFields() }
    fields += oddFields(2...13)
    fields.shuffle(using: &random)
    return Array(fields.joined())
  }

  private mutating func coldFields() -> [[UInt8]] {
    let cold = (0..<Int.random(in: 0...2, using: &random)).map { _ -> ProcessingRequestMessage in
      let name = "namespace\(Int.random(in: 0...1, using: &random))"
      return ProcessingRequestMessage().withMetadata(["key": .init(stringValue: text())], in: name)
    }
    let attributes = ProcessingRequestMessage().withAttributes(["a": .init(stringValue: text())], of: text())
    return (cold + (chance(2) ? [attributes] : [])).map { (try? $0.serializedBytes()) ?? [] }
  }

  private mutating func headers() -> [UInt8] {
    var fields: [[UInt8]] = []
    for _ in 0..<Int.random(in: 0...2, using: &random) { fields.append(Wire.bytes(1, headerMap())) }
    if chance(2) { fields.append(Wire.number(3, anyNumber())) }
    fields += oddFields(1...3)
    fields.shuffle(using: &random)
    return Array(fields.joined())
  }

  private mutating func headerMap() -> [UInt8] {
    var fields = (0..<Int.random(in: 0...4, using: &random)).map { _ in Wire.bytes(1, headerValue()) }
    fields += oddFields(1...1)
    return Array(fields.joined())
  }

  private mutating func headerValue() -> [UInt8] {
    var fields = (0..<Int.random(in: 0...4, using: &random)).map { _ in
      Wire.bytes(Int.random(in: 1...3, using: &random), Array(text().utf8))
    }
    if chance(3) { fields.append(Wire.bytes(3, [0xff, 0x00, 0xfe])) }
    fields += oddFields(1...3)
    fields.shuffle(using: &random)
    return Array(fields.joined())
  }

  private mutating func body() -> [UInt8] {
    var fields: [[UInt8]] = []
    for _ in 0..<Int.random(in: 0...2, using: &random) {
      fields.append(Wire.bytes(1, (0..<Int.random(in: 0...300, using: &random)).map { UInt8(truncatingIfNeeded: $0) }))
    }
    for field in 2...5 where chance(2) { fields.append(Wire.number(field, anyNumber())) }
    fields += oddFields(1...5)
    fields.shuffle(using: &random)
    return Array(fields.joined())
  }

  private mutating func windows() -> [UInt8] {
    let fields = (1...4).filter { _ in chance(2) }.map { Wire.number($0, anyNumber()) }
    return Array((fields + oddFields(1...4)).joined())
  }

  private mutating func configuration() -> [UInt8] {
    var fields = (1...3).filter { _ in chance(2) }.map {
      Wire.number($0, chance(4) ? anyNumber() : UInt64.random(in: 0...6, using: &random))
    }
    fields += oddFields(1...2)
    return Array(fields.joined())
  }

  /// Fields that nobody knows, and known ones of another wire type than theirs; never length-delimited known ones.
  private mutating func oddFields(_ known: ClosedRange<Int>) -> [[UInt8]] {
    (0..<Int.random(in: 0...2, using: &random)).map { _ in
      let unknown = [15, 16, 100, 536_870_911].randomElement(using: &random)!
      let field = chance(2) ? unknown : Int.random(in: known, using: &random)
      switch Int.random(in: 0...3, using: &random) {
      case 0: return Wire.tag(field, 5) + [1, 2, 3, 4]
      case 1: return Wire.tag(field, 1) + [1, 2, 3, 4, 5, 6, 7, 8]
      case 2: return Wire.group(field, Wire.number(1, anyNumber()) + Wire.group(2, Wire.bytes(3, [1])))
      default: return chance(2) ? Wire.bytes(unknown, [0xff, 0xff]) : Wire.number(unknown, anyNumber())
      }
    }
  }

  private mutating func text() -> String {
    let texts = ["", "a", ":path", "content-length", "x-header", String(repeating: "v", count: 200)]
    return texts.randomElement(using: &random)!
  }

  private mutating func anyNumber() -> UInt64 {
    [0, 1, 127, 128, 1 << 32, 1 << 63, .max].randomElement(using: &random)!
  }

  private mutating func chance(_ of: Int) -> Bool { Int.random(in: 0..<of, using: &random) == 0 }
}
