// SPDX-License-Identifier: Apache-2.0
internal import Yams

extension YAMLValue {
  /// A whole file.
  ///
  /// - Parameter needs: the key that an empty one is told to have.
  package init(_ text: String, file: String, needs key: String) throws(ConfigurationFileError) {
    do {
      guard let node = try Yams.compose(yaml: text) else {
        throw ConfigurationFileError(file, line: nil, "it is empty: it needs '\(key)'")
      }
      self.init(node: node, file: file, what: "the file")
    } catch let error as YamlError {
      throw Self.failure(error, file)
    } catch {
      throw error as? ConfigurationFileError ?? ConfigurationFileError(file, line: nil, "it cannot be read: \(error)")
    }
  }

  private static func failure(_ error: YamlError, _ file: String) -> ConfigurationFileError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return ConfigurationFileError(file, line: mark.line, "it is no YAML: \(problem)")
    case .duplicatedKeysInMapping(let duplicates, let context):
      let names = duplicates.map { "'\($0)'" }.sorted().joined(separator: ", ")
      return ConfigurationFileError(file, line: context.mark.line, "the key \(names) is there twice; keep one")
    default: return ConfigurationFileError(file, line: nil, "it is no YAML: \(error)")
    }
  }
}
