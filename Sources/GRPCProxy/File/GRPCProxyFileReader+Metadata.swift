// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import ConfigurationFile

extension GRPCProxyFileReader {
  /// Values by their names; a name without a value has any.
  func metadataMatches(_ route: YAMLMap) throws(ConfigurationFileError) -> [String: String?] {
    var matches: [String: String?] = [:]
    for (key, member) in try route["metadata"]?.map("metadata").members ?? [] {
      let name = try name(key, of: "metadata", line: member.keyLine)
      guard !matches.keys.contains(name) else { throw twice(key, line: member.keyLine) }
      if member.value.isNull {
        matches.updateValue(nil, forKey: name)
      } else {
        var metadata = Metadata()
        try append(name, member.value, to: &metadata)
        matches.updateValue(try member.value.text(), forKey: name)
      }
    }
    return matches
  }

  /// Names with a value, or several.
  func setMetadata(_ route: YAMLMap) throws(ConfigurationFileError) -> Metadata {
    var metadata = Metadata()
    for (key, member) in try route["set_metadata"]?.map("set_metadata").members ?? [] {
      let name = try name(key, of: "set_metadata", line: member.keyLine)
      guard !metadata.contains(where: { $0.name == name }) else { throw twice(key, line: member.keyLine) }
      let values = member.value.list()
      guard !values.isEmpty, !member.value.isNull else {
        throw member.value.failure("\(member.value.what) has no value; give it one, or use 'remove_metadata'")
      }
      for value in values { try append(name, value, to: &metadata) }
    }
    return metadata
  }

  func removedMetadata(_ route: YAMLMap, besides set: Metadata) throws(ConfigurationFileError) -> [String] {
    var names: [String] = []
    for value in route["remove_metadata"]?.list() ?? [] {
      let name = try name(try value.text(), of: "remove_metadata", line: value.line)
      guard !names.contains(name) else { throw twice(name, line: value.line) }
      guard !set.contains(where: { $0.name == name }) else {
        throw value.failure("'\(name)' is set, which removes what the client sent; leave it out of one of the two")
      }
      names.append(name)
    }
    return names
  }

  /// A name that metadata may have, in lower case.
  private func name(_ text: String, of what: String, line: Int?) throws(ConfigurationFileError) -> String {
    let name = text.lowercased()
    var metadata = Metadata()
    do {
      try metadata.append(name, name.hasSuffix("-bin") ? .binary([]) : .string(""))
    } catch {
      throw ConfigurationFileError(
        file, line: line, "'\(text)' of \(what) cannot be used: \(error.message); take another, or leave it out")
    }
    return name
  }

  private func append(
    _ name: String, _ value: YAMLValue, to metadata: inout Metadata
  ) throws(ConfigurationFileError) {
    let text = try value.text()
    do {
      try metadata.append(name, text)
    } catch {
      throw value.failure("\(value.what) cannot be used: \(error.message); change it, or leave it out")
    }
  }

  private func twice(_ name: String, line: Int?) -> ConfigurationFileError {
    ConfigurationFileError(file, line: line, "the metadata '\(name)' is there twice; keep one")
  }
}
