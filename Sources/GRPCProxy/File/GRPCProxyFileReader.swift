// SPDX-License-Identifier: Apache-2.0
internal import ConfigurationFile

/// Makes a proxy's configuration of the text of a file.
struct GRPCProxyFileReader {
  let path: String
  /// What the files hold that it names.
  let others: FileContents

  var file: String { path.fileName }

  func read(_ text: String) throws(ConfigurationFileError) -> GRPCProxyConfiguration {
    let root = try YAMLValue(text, file: file, needs: "routes").map("the file", keys: ["backends", "routes"])
    var proxy = GRPCProxyConfiguration(backendSets: [], routes: [])
    for value in root["backends"]?.list() ?? [] { proxy.backendSets.append(try backendSet(value, in: proxy)) }
    proxy.routes = try routes(try root.required("routes"), in: proxy)
    return proxy
  }
}

extension YAMLValue {
  func nonEmptyText() throws(ConfigurationFileError) -> String {
    let text = try text()
    guard !text.isEmpty else { throw failure("\(what) is empty; give it a value") }
    return text
  }

  /// A time that something can be repeated after.
  func positiveDuration() throws(ConfigurationFileError) -> Duration {
    let duration = try duration()
    guard duration > .zero else { throw failure("\(what) is '\(try text())': a time over 0, such as 15s") }
    return duration
  }

  /// What a call sends as `:authority`.
  func authority() throws(ConfigurationFileError) -> String {
    let text = try text()
    guard text.isAuthority else {
      throw failure("\(what) is '\(text)': a host, as api.example.com, with a port or without")
    }
    return text
  }
}

extension StringProtocol {
  /// Whether it can be a host, with a port or without.
  var isAuthority: Bool { !isEmpty && isVisible(without: "/?#@*,") }

  /// Whether it has visible ASCII alone, and none of some characters.
  func isVisible(without others: String) -> Bool {
    utf8.allSatisfy { (0x21...0x7E).contains($0) && !others.utf8.contains($0) }
  }
}
