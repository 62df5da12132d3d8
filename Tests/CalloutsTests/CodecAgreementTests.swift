// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import SwiftProtobuf
import Testing

/// The lazy codec against swift-protobuf, on many messages; see ProcessingRequestTests for what is lax on purpose.
@Suite("Agreement of the codecs")
struct CodecAgreementTests {
  /// How many messages the two tests that follow compare: 200,000, or what `$CODEC_MESSAGES` says.
  private static let count = ProcessInfo.processInfo.environment["CODEC_MESSAGES"].flatMap { Int($0) } ?? 200_000
  private static let seeds: [UInt64] = [1, 2, 3, 4]

  @Test("reads what swift-protobuf reads, with odd fields everywhere", arguments: seeds)
  func agreesOnWellFormed(seed: UInt64) throws {
    var requests = RandomRequest(random: Seeded(seed))
    for _ in 0..<Self.count / (2 * Self.seeds.count) {
      let bytes = requests.next()
      let expected = try Reading(eagerly: bytes)
      let reading = try? Reading(lazily: bytes)
      if reading != expected { try #require(reading == expected, "\(bytes)") }
    }
  }

  @Test(
    "accepts and refuses what swift-protobuf does when bytes are changed, but for what is lax on purpose",
    arguments: seeds)
  func agreesOnCorrupted(seed: UInt64) throws {
    var requests = RandomRequest(random: Seeded(100 + seed), hasLazyParts: false)
    let count = Self.count / (2 * Self.seeds.count)
    var (refused, lax) = (0, 0)
    for _ in 0..<count {
      var bytes = requests.next()
      guard !bytes.isEmpty else { continue }
      bytes[Int.random(in: bytes.indices, using: &requests.random)] = UInt8.random(in: 0...255, using: &requests.random)
      do {
        let expected = try Reading(eagerly: bytes)
        let reading = try? Reading(lazily: bytes)
        if reading != expected { try #require(reading == expected, "\(bytes)") }
      } catch is BinaryDecodingError {
        refused += 1
        if (try? Reading(lazily: bytes)) != nil { lax += 1 }
      }
    }
    #expect(refused > count / 4)
    #expect(lax < refused / 10)
  }
}
