// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A module's library.
struct ModuleLibrary {
  /// Its path.
  let path: String
  /// What errors call it.
  let file: String
  /// Files and folders that it comes from.
  let sources: [String]
  /// These when it was made.
  let state: FileStamps

  init(path: String, file: String? = nil, sources: [String] = [], state: FileStamps = FileStamps(of: [])) {
    self.path = path
    self.file = file ?? URL(filePath: path).lastPathComponent
    self.sources = sources
    self.state = state
  }

  /// What Envoy calls it: the file's name without `lib` and `.so`.
  var name: String {
    var name = URL(filePath: path).deletingPathExtension().lastPathComponent
    if name.hasPrefix("lib") { name.removeFirst(3) }
    return name
  }
}
