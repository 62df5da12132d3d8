// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import CalloutJSON
import Foundation

/// A module's library.
struct ModuleLibrary {
  /// Its path.
  let path: String

  /// What Envoy calls it: the file's name without `lib` and `.so`.
  var name: String {
    var name = URL(filePath: path).deletingPathExtension().lastPathComponent
    if name.hasPrefix("lib") { name.removeFirst(3) }
    return name
  }
}

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
  ///
  /// Throws `ExitCode` where that process has said what is wrong.
  static func ask(_ library: ModuleLibrary) throws -> ModuleDescription {
    guard let program = Bundle.main.executablePath else { throw RunError("envoyrun does not find itself") }
    let (status, text) = try Command.result(program, [library.path, "--describe"])
    guard status == 0 else { throw ExitCode(2) }
    let filters = text.split(separator: "\n").compactMap { line -> ModuleFilter? in
      let words = line.split(separator: " ", maxSplits: 1)
      guard words.count == 2, let kind = ModuleFilter.Kind(rawValue: String(words[0])) else { return nil }
      return ModuleFilter(name: String(words[1]), kind: kind)
    }
    return ModuleDescription(filters: filters, file: URL(filePath: library.path).lastPathComponent)
  }

  /// Loads the library, whose calls of Envoy stay unbound, and asks it.
  static func text(of library: ModuleLibrary) throws -> String {
    // It keeps to the Swift that it was linked with, which need not be that of this program.
    guard let handle = dlopen(library.path, RTLD_LAZY | RTLD_LOCAL | RTLD_DEEPBIND) else {
      throw RunError("\(library.path) cannot be loaded: \(dlerror().map { String(cString: $0) } ?? "no reason given")")
    }
    guard let symbol = dlsym(handle, "swift_callouts_describe_module") else {
      throw RunError("\(library.path) is no module of EnvoyModule: link that, and define envoyModuleRegister")
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
