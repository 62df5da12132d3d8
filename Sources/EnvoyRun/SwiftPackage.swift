// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The package in this folder, as SwiftPM describes it.
struct SwiftPackage: Decodable {
  private var products: [Product]
  private var targets: [Target]
  private var dependencies: [Dependency]?

  private struct Product: Decodable { var name: String, type: Kind }
  private struct Kind: Decodable { var library: [String]? }
  private struct Target: Decodable { var path: String, productMemberships: [String]? }
  private struct Dependency: Decodable { var path: String? }

  static func described(scratch: String) async throws -> SwiftPackage {
    let json = try await Command.output("swift", ["package", "--scratch-path", scratch, "describe", "--type", "json"])
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(SwiftPackage.self, from: Data(json.utf8))
  }

  var dynamicLibraries: [String] {
    products.filter { $0.type.library?.contains("dynamic") == true }.map(\.name)
  }

  /// Files and folders that a product is made of, dependencies in other folders of this machine included.
  func sources(of product: String) -> [String] {
    ["Package.swift", "Package.resolved"]
      + targets.filter { $0.productMemberships?.contains(product) == true }.map(\.path)
      + (dependencies ?? []).compactMap(\.path)
  }
}
