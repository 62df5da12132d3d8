// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a file that configures something, and where.
public struct ConfigurationFileError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file's name, without directories.
  public var file: String
  /// The line, from 1, where it is about one.
  public var line: Int?
  /// What is wrong and what to do, as the rest of a sentence.
  public var text: String

  package init(_ file: String, line: Int?, _ text: String) {
    self.file = file
    self.line = line
    self.text = text
  }

  /// One line, such as `proxy.yaml:12: unknown key 'upstrem' in a route: one of …`.
  public var description: String { "\(file):\(line.map { "\($0):" } ?? "") \(text)" }
}

/// The names to choose from, as the end of a sentence.
package func oneOf(_ names: some Sequence<String>, none: String) -> String {
  let names = names.sorted()
  return names.isEmpty ? none : "one of \(names.joined(separator: ", "))"
}
