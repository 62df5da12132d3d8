// SPDX-License-Identifier: Apache-2.0

/// Finds out which members of a base class a subclass overrides, for which Swift has no reflection.
///
/// An object's methods are called through its class's metadata, where each that can be overridden has a word; a subclass
/// begins with a copy of its superclass's words, of which an override changes one. Which word is whose is not known here
/// but tried: in a class that overrides one member alone, the one word that differs is this member's.
///
/// Unsafe, since it reads metadata; these facts of Swift's stable ABI ("TypeMetadata", "Class Metadata") are all that it
/// relies on. A class is a pointer to its metadata, in whose header the size and the offset of this pointer within it are
/// at a fixed place. The metadata of a subclass goes on at least as far as that of its base, which is fixed where the base
/// is in a module without library evolution. Words are read and compared, and never followed.
package struct OverrideFinder<Member: Hashable & Sendable>: Sendable {
  private let base: ClassWords
  private let positions: [Member: Int]

  /// Learns the members' words; nil where that fails for any of them, and nothing is known.
  ///
  /// - Parameters:
  ///   - plain: a subclass of the base that overrides nothing.
  ///   - overriding: for each member, a subclass that overrides it and nothing else.
  package init?(base: AnyClass, plain: AnyClass, overriding: [Member: AnyClass]) {
    guard let words = ClassWords(base) else { return nil }
    // A subclass has words of its own besides, such as its name's and its initializers'.
    let inherited = words.positions.filter { words.same(plain, at: $0) }
    var positions: [Member: Int] = [:]
    for (member, subclass): (Member, AnyClass) in overriding {
      let changed = inherited.filter { !words.same(subclass, at: $0) }
      guard changed.count == 1 else { return nil }
      positions[member] = changed[0]
    }
    guard Set(positions.values).count == positions.count else { return nil }
    self.base = words
    self.positions = positions
  }

  /// The members that a subclass of the base overrides, itself or by inheritance.
  package func members(overriddenBy subclass: AnyClass) -> Set<Member> {
    Set(positions.filter { !base.same(subclass, at: $0.value) }.keys)
  }
}

/// The words of a class's metadata. `Sendable` since metadata is never freed, and constant once its class is in use.
private struct ClassWords: @unchecked Sendable {
  private let address: UnsafeRawPointer
  /// Where the words are, in bytes from the address.
  let positions: StrideTo<Int>

  init?(_ type: AnyClass) {
    address = Self.address(type)
    let size = Int(address.load(fromByteOffset: Self.sizeOffset, as: UInt32.self))
    let offset = Int(address.load(fromByteOffset: Self.sizeOffset + 4, as: UInt32.self))
    let end = size - offset
    // What is no such header must not be taken for one.
    guard offset < Self.largest, end > Self.sizeOffset, end < Self.largest, end % Self.word == 0 else { return nil }
    positions = stride(from: 0, to: end, by: Self.word)
  }

  func same(_ subclass: AnyClass, at position: Int) -> Bool {
    Self.address(subclass).load(fromByteOffset: position, as: UInt.self)
      == address.load(fromByteOffset: position, as: UInt.self)
  }

  private static func address(_ type: AnyClass) -> UnsafeRawPointer { unsafeBitCast(type, to: UnsafeRawPointer.self) }

  private static let word = MemoryLayout<UInt>.size
  private static let largest = 1 << 16

  /// Before the size: kind, superclass, three words of Objective-C's where it is, and 16 bytes of flags and of what is
  /// known of objects.
  #if canImport(ObjectiveC)
    private static let sizeOffset = 5 * word + 16
  #else
    private static let sizeOffset = 2 * word + 16
  #endif
}
