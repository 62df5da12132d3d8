// SPDX-License-Identifier: Apache-2.0
public import ConfigurationFile

extension ProxyConfiguration {
  /// Reads a description of a proxy, as `docs/proxy-yaml.md` has it.
  ///
  /// - Parameters:
  ///   - file: what errors call the file.
  ///   - ownCallouts: the callouts of this server, which the file may name without describing them.
  public init(
    yaml: String, file: String = "proxy.yaml", ownCallouts: [Callout] = []
  ) throws(ConfigurationFileError) {
    self = try ProxyFileReader(file: file, ownCallouts: ownCallouts).read(yaml)
  }
}

/// A file that describes a proxy, which is read again when it changes. Safe to use from any thread.
public typealias ProxyConfigurationFile = ReloadableFile<ProxyConfiguration>

extension ProxyConfigurationFile {
  /// Reads the file; throws what is wrong with it, and what Envoy would refuse.
  ///
  /// - Parameter ownCallouts: the callouts of this server, which the file may name without describing them.
  public convenience init(_ path: String, ownCallouts: [Callout] = []) throws(ConfigurationFileError) {
    try self.init(path) { (text, _) throws(ConfigurationFileError) in
      let name = path.fileName
      let configuration = try ProxyConfiguration(yaml: text, file: name, ownCallouts: ownCallouts)
      if let problem = configuration.problems().first(where: { $0.severity == .error }) {
        throw ConfigurationFileError(name, line: nil, problem.description)
      }
      return configuration
    }
  }
}
