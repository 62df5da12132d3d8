// SPDX-License-Identifier: Apache-2.0
internal import CNghttp2

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The memory of one nghttp2 session, which keeps small blocks that were given back for the next that are asked for.
///
/// nghttp2 asks for seven small blocks for each stream of a callout, and gives them back when it ends: with the general
/// allocator that is a twentieth of what a message costs. Confined to the session's event loop, so nothing is locked.
struct HTTP2Memory: ~Copyable {
  /// What nghttp2 is given; it must not be used any more when this value is gone.
  let functions: UnsafeMutablePointer<nghttp2_mem>
  private let free = UnsafeMutablePointer<FreeBlocks>.allocate(capacity: FreeBlocks.sizes)

  init() {
    free.initialize(repeating: FreeBlocks(), count: FreeBlocks.sizes)
    functions = .allocate(capacity: 1)
    functions.initialize(
      to: nghttp2_mem(
        mem_user_data: free,
        malloc: { size, free in FreeBlocks.allocate(size, free!) },
        free: { block, free in if let block { FreeBlocks.giveBack(block, free!) } },
        calloc: { count, size, free in
          let block = FreeBlocks.allocate(count * size, free!)
          if let block { memset(block, 0, count * size) }
          return block
        },
        realloc: { block, size, free in
          guard let block else { return FreeBlocks.allocate(size, free!) }
          return FreeBlocks.reallocate(block, size, free!)
        }))
  }

  deinit {
    trim()
    free.deallocate()
    functions.deallocate()
  }

  /// Gives back what is kept for more streams.
  func trim() {
    for size in 0..<FreeBlocks.sizes { free[size].trim(to: 0) }
  }
}

/// Free blocks of one size, linked through the blocks themselves.
///
/// Before each block lies a header with the number of its size, which is a multiple of `step`.
private struct FreeBlocks {
  private var first: UnsafeMutableRawPointer?
  private var count = 0

  static let sizes = 4
  private static let step = 64
  private static let largeBlock = Int.max
  private static let mappedBlock = Int.max - 1
  /// From this size on a block has pages of its own. The only such one is nghttp2's buffer for a frame, of which a
  /// connection without large header sections uses the beginning: memory that was used before would all be resident.
  private static let mappedSize = 16_384
  /// Keeps what follows aligned as malloc does.
  private static let headerLength = 16
  /// Blocks of one size that are kept while streams are open.
  private static let blocksKept = 128

  static func allocate(_ size: Int, _ free: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    let number = (max(size, 1) - 1) / step
    guard number < sizes else { return size < mappedSize ? makeBlock(largeBlock, size) : map(size) }
    return blocks(number, free).pointee.take() ?? makeBlock(number, (number + 1) * step)
  }

  static func giveBack(_ block: UnsafeMutableRawPointer, _ free: UnsafeMutableRawPointer) {
    let number = number(of: block)
    switch number {
    case largeBlock: release(block)
    case mappedBlock: munmap(block - headerLength, headerLength + mappedLength(of: block))
    default: if !blocks(number, free).pointee.keep(block) { release(block) }
    }
  }

  static func reallocate(
    _ block: UnsafeMutableRawPointer, _ size: Int, _ free: UnsafeMutableRawPointer
  ) -> UnsafeMutableRawPointer? {
    let number = number(of: block)
    guard number != largeBlock else {
      return realloc(block - headerLength, headerLength + size).map { $0 + headerLength }
    }
    let capacity = number == mappedBlock ? mappedLength(of: block) : (number + 1) * step
    guard size > capacity else { return block }
    guard let larger = allocate(size, free) else { return nil }
    larger.copyMemory(from: block, byteCount: capacity)
    giveBack(block, free)
    return larger
  }

  mutating func trim(to kept: Int) {
    while count > kept, let block = take() { Self.release(block) }
  }

  private mutating func take() -> UnsafeMutableRawPointer? {
    guard let block = first else { return nil }
    first = block.load(as: UnsafeMutableRawPointer?.self)
    count -= 1
    return block
  }

  private mutating func keep(_ block: UnsafeMutableRawPointer) -> Bool {
    guard count < Self.blocksKept else { return false }
    block.storeBytes(of: first, as: UnsafeMutableRawPointer?.self)
    first = block
    count += 1
    return true
  }

  private static func blocks(_ number: Int, _ free: UnsafeMutableRawPointer) -> UnsafeMutablePointer<FreeBlocks> {
    free.assumingMemoryBound(to: FreeBlocks.self) + number
  }

  private static func makeBlock(_ number: Int, _ size: Int) -> UnsafeMutableRawPointer? {
    guard let memory = malloc(headerLength + size) else { return nil }
    memory.storeBytes(of: number, as: Int.self)
    return memory + headerLength
  }

  /// A block with pages of its own, which knows its length too.
  private static func map(_ size: Int) -> UnsafeMutableRawPointer? {
    let memory = mmap(nil, headerLength + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else { return nil }
    memory.storeBytes(of: mappedBlock, as: Int.self)
    memory.storeBytes(of: size, toByteOffset: MemoryLayout<Int>.size, as: Int.self)
    return memory + headerLength
  }

  private static func mappedLength(of block: UnsafeMutableRawPointer) -> Int {
    (block - headerLength).load(fromByteOffset: MemoryLayout<Int>.size, as: Int.self)
  }

  private static func number(of block: UnsafeMutableRawPointer) -> Int { (block - headerLength).load(as: Int.self) }

  private static func release(_ block: UnsafeMutableRawPointer) { free(block - headerLength) }
}
