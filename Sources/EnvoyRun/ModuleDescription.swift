// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import Foundation

/// A filter that Envoy is to use.
struct ModuleFilter: Equatable {
  enum Kind: String {
    case callout, application
  }

  let name: String
  let kind: Kind
  /// The configuration of one that is applications on prefixes.
  var mounts: JSONValue?
}

/// Which filters a module has, as it says itself.
struct ModuleDescription {
  let filters: [ModuleFilter]
  private let file: String

  init(filters: [ModuleFilter], file: String) {
    self.filters = filters
    self.file = file
  }

  /// Has another process ask the library: this one would keep its code, and whatever it has started.
  static func ask(_ library: ModuleLibrary) async throws -> ModuleDescription {
    guard let program = Bundle.main.executablePath else { throw RunError("envoyrun does not find itself") }
    // What the library says when it is loaded, or how it crashes, is seen where Envoy loads it.
    let (status, text) = try await Command.result(program, [library.path, "--describe"], errors: .nullDevice)
    let lines = text.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 1).map(String.init) }
      .filter { $0.count == 2 }
    if let error = lines.first(where: { $0[0] == errorMark }) { throw RunError("\(library.file) \(error[1])") }
    guard status == 0 else {
      throw RunError("\(library.file) ends the program that loads it, with \(status): check that it is whole")
    }
    let filters = lines.compactMap { line in
      ModuleFilter.Kind(rawValue: line[0]).map { ModuleFilter(name: line[1], kind: $0) }
    }
    return ModuleDescription(filters: filters, file: library.file)
  }

  /// What that process prints: a filter a line, or what is wrong with the library.
  static func answer(about library: ModuleLibrary) -> String {
    do { return try text(of: library) } catch { return "\(errorMark) \(error)\n" }
  }

  private static let errorMark = "error:"

  /// Loads the library, whose calls of Envoy stay unbound, and asks it.
  static func text(of library: ModuleLibrary) throws -> String {
    // It keeps to the Swift that it was linked with, which need not be that of this program.
    guard let handle = dlopen(library.path, RTLD_LAZY | RTLD_LOCAL | RTLD_DEEPBIND) else {
      let reason = dlerror().map { String(cString: $0) } ?? "no reason given"
      throw RunError(
        "cannot be loaded: \(reason.hasPrefix(library.path) ? reason.dropFirst(library.path.count + 2) : reason[...])")
    }
    guard let symbol = dlsym(handle, "swift_callouts_describe_module") else {
      throw RunError("is no module of EnvoyModule: link that, and define envoyModuleRegister")
    }
    typealias Describe = @convention(c) () -> UnsafeMutablePointer<CChar>?
    let text = unsafeBitCast(symbol, to: Describe.self)()
    defer { free(text) }
    return text.map { String(cString: $0) } ?? ""
  }

  /// The filter to use; the only one where none is named.
  func filter(named name: String?, mounts: [Mount]) throws -> ModuleFilter {
    guard mounts.isEmpty else { return try filter(of: mounts) }
    let names = filters.map(\.name).joined(separator: ", ")
    guard let name else {
      guard filters.count < 2 else { throw RunError("\(file) has several filters: name one with --filter: \(names)") }
      guard let filter = filters.first else {
        throw RunError("\(file) registers no filter: do so in envoyModuleRegister")
      }
      return filter
    }
    guard let filter = filters.first(where: { $0.name == name }) else {
      throw RunError("\(file) has no filter '\(name)': one of \(names)")
    }
    return filter
  }

  private func filter(of mounts: [Mount]) throws -> ModuleFilter {
    var members: JSONValue = [:]
    for mount in mounts {
      guard mount.prefix.utf8.allSatisfy({ (0x21...0x7e).contains($0) && !"?#".utf8.contains($0) }) else {
        throw RunError(
          "--mount \(mount.prefix) is for no path: write ?, #, spaces and the like with %, or leave them out")
      }
      let filter = try filter(named: mount.application, mounts: [])
      guard filter.kind == .application else {
        throw RunError(
          "--mount \(mount.prefix)=\(mount.application): it is a callout, and only applications are mounted")
      }
      guard members[mount.prefix] == nil else {
        throw RunError("--mount \(mount.prefix) is given twice: leave one out")
      }
      members[mount.prefix] = .string(mount.application)
    }
    return ModuleFilter(name: "mounts", kind: .application, mounts: EnvoyConfiguration.wrapped(members.description))
  }
}
