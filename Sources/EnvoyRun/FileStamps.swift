// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Files as they are at a moment, and all that is in folders: equal where none has changed, come or gone.
struct FileStamps: Equatable {
  private var stamps: [String: Stamp] = [:]

  private struct Stamp: Equatable {
    var size: Int?
    var modified: Date?
  }

  /// Hidden files are no one's sources.
  init(of paths: [String]) {
    for path in paths {
      let url = URL(filePath: path).resolvingSymlinksInPath()
      add(url)
      let files = FileManager.default.enumerator(
        at: url, includingPropertiesForKeys: Array(Self.keys), options: .skipsHiddenFiles)
      for case let file as URL in files ?? .init() { add(file) }
    }
  }

  private mutating func add(_ file: URL) {
    guard let values = try? file.resourceValues(forKeys: Self.keys), values.isDirectory != true else { return }
    stamps[file.path] = Stamp(size: values.fileSize, modified: values.contentModificationDate)
  }

  private static let keys: Set<URLResourceKey> = [.isDirectoryKey, .fileSizeKey, .contentModificationDateKey]
}
