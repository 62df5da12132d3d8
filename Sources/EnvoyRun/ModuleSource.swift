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
      let state = FileStamps(of: [path])
      guard FileManager.default.fileExists(atPath: path) else {
        throw RunError("there is no file \(path): give a library's path, or the name of a product")
      }
      return ModuleLibrary(path: URL(filePath: path).standardizedFileURL.path, sources: [path], state: state)
    case .product(let name, let configuration): return try await build(name, configuration)
    }
  }

  private func build(_ name: String, _ configuration: BuildConfiguration) async throws -> ModuleLibrary {
    guard FileManager.default.fileExists(atPath: "Package.swift") else {
      throw RunError("there is no Package.swift in this folder to build '\(name)' with: give a library's path")
    }
    let package = try await SwiftPackage.described(scratch: Self.scratch)
    let products = package.dynamicLibraries
    // The module of an example that is a server too has its name and this.
    guard let product = [name, "\(name)Module"].first(where: products.contains) else {
      throw RunError("the package has no dynamic library '\(name)': it has \(products.joined(separator: ", "))")
    }
    let sources = package.sources(of: product)
    let state = FileStamps(of: sources)
    let flags = [
      "--configuration", configuration.rawValue, "--scratch-path", Self.scratch, "-Xswiftc", "-static-stdlib",
      "-Xlinker", "-z", "-Xlinker", "nodelete",
    ]
    try await Command.run("swift", ["build", "--product", product] + flags)
    let folder = try await Command.output("swift", ["build", "--show-bin-path"] + flags)
    return ModuleLibrary(
      path: "\(folder.trimmingCharacters(in: .whitespacesAndNewlines))/lib\(product).so", sources: sources, state: state
    )
  }

  /// Apart from other builds, which have other flags.
  private static let scratch = ".build/envoyrun"
}
