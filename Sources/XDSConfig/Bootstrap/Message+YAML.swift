// SPDX-License-Identifier: Apache-2.0
internal import ConfigurationFile
internal import SwiftProtobuf

extension Message {
  /// The message as YAML with Envoy's names of fields.
  func yaml() throws(ConfigurationProblem) -> String {
    RegisteredTypes.register()
    var options = JSONEncodingOptions()
    options.preserveProtoFieldNames = true
    options.useDeterministicOrdering = true
    do {
      return try YAMLText.converting(json: try jsonString(options: options))
    } catch {
      throw ConfigurationProblem(.error, .unreadable, in: "bootstrap", "it cannot be written as YAML: \(error)")
    }
  }
}
