// SPDX-License-Identifier: Apache-2.0

/// What of OpenAI's API a request asks for.
enum Endpoint: String {
  case chatCompletions = "chat/completions"
  case completions
  case embeddings
  case models

  /// The list of models is asked for without one.
  var hasBody: Bool { self != .models }

  /// Reads a path with or without `/v1` and whatever its query; nil where it is none of these.
  init?(path: String) {
    let path = path.prefix { $0 != "?" }
    if path.hasPrefix("/v1/") {
      self.init(rawValue: String(path.dropFirst(4)))
    } else {
      guard path.first == "/", path != "/models" else { return nil }
      self.init(rawValue: String(path.dropFirst()))
    }
  }
}
