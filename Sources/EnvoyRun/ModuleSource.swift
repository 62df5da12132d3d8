// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Where a module comes from: a file, or a product that is built.
struct ModuleSource {
  private enum Kind {
    case file(String)
    case product(String, BuildConfiguration)
  }

  private let kind: Kind

  init(_ argument: String, _ configuration: BuildConfiguration) {
    kind = argument.contains("/") || argument.hasSuffix(".so") ? .file(argument) : .product(argument, configuration)
  }

  /// Finds the library, or builds it.
  func library() async throws -> ModuleLibrary {
    switch kind {
    case .file(let path):
      guard FileManager.default.fileExists(atPath: path) else {
        throw RunError("there is no file \(path): give a library's path, or the name of a product")
      }
      return ModuleLibrary(path: URL(filePath: path).standardizedFileURL.path)
    case .product(let name, let configuration): return try await build(name, configuration)
    }
  }

  /// When it last changed: the library, or the newest of the package's sources.
  var lastChange: Date {
    switch kind {
    case .file(let path): Self.modification(of: URL(filePath: path))
    case .product:
      FileManager.default.enumerator(
        at: URL(filePath: "Sources"), includingPropertiesForKeys: [.contentModificationDateKey])?
        .compactMap { ($0 as? URL).map(Self.modification) }.max() ?? .distantPast
    }
  }

  private static func modification(of file: URL) -> Date {
    (try? file.resourceValues(forKeys: [.contentModificationDateKey]))?.contentModificationDate ?? .distantPast
  }

  // MARK: Build

  private func build(_ name: String, _ configuration: BuildConfiguration) async throws -> ModuleLibrary {
    guard FileManager.default.fileExists(atPath: "Package.swift") else {
      throw RunError("there is no Package.swift in this folder to build '\(name)' with: give a library's path")
    }
    let products = try Self.libraries()
    // The module of an example that is a server too has its name and this.
    guard let product = [name, "\(name)Module"].first(where: products.contains) else {
      throw RunError("the package has no dynamic library '\(name)': it has \(products.joined(separator: ", "))")
    }
    let flags = [
      "--configuration", configuration.rawValue, "--scratch-path", Self.scratch, "-Xswiftc", "-static-stdlib",
      "-Xlinker", "-z", "-Xlinker", "nodelete",
    ]
    try await Command.run("swift", ["build", "--product", product] + flags)
    let folder = try Command.output("swift", ["build", "--show-bin-path"] + flags)
    return ModuleLibrary(path: "\(folder.trimmingCharacters(in: .whitespacesAndNewlines))/lib\(product).so")
  }

  /// Apart from other builds, which have other flags.
  private static let scratch = ".build/envoyrun"

  /// The package's dynamic libraries.
  private static func libraries() throws -> [String] {
    let json = try Command.output("swift", ["package", "--scratch-path", scratch, "describe", "--type", "json"])
    let package = try JSONDecoder().decode(Package.self, from: Data(json.utf8))
    return package.products.filter { $0.type.library?.contains("dynamic") == true }.map(\.name)
  }

  private struct Package: Decodable {
    var products: [Product]
    struct Product: Decodable { var name: String, type: Kind }
    struct Kind: Decodable { var library: [String]? }
  }
}
