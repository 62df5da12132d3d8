// SPDX-License-Identifier: Apache-2.0
public import ConfigurationFile

extension GRPCProxyConfiguration {
  /// Reads what a gRPC proxy is to do, as `docs/grpc-proxy-yaml.md` has it.
  ///
  /// - Parameter file: where the text is from. Errors call it by its name without folders, and certificates and keys that
  ///   it names are looked for from its folder.
  public init(yaml: String, file: String = "proxy.yaml") throws(ConfigurationFileError) {
    self = try GRPCProxyFileReader(path: file, others: FileContents()).read(yaml)
  }
}

/// A file that says what a gRPC proxy does, which is read again when it, or a certificate or key that it names, changes.
/// Safe to use from any thread.
public typealias GRPCProxyConfigurationFile = ReloadableFile<GRPCProxyConfiguration>

extension GRPCProxyConfigurationFile {
  /// Reads the file; throws what is wrong with it.
  public convenience init(_ path: String) throws(ConfigurationFileError) {
    try self.init(path) { (text, others) throws(ConfigurationFileError) in
      try GRPCProxyFileReader(path: path, others: others).read(text)
    }
  }
}
