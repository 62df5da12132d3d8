// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Testing

/// Runs the program and expects exit code 2 and one line with these words, and no other.
///
/// - Parameter notice: what a line that is no error has, where there may be one before.
func expectRefusal(
  _ words: [String], _ arguments: [String], besides notice: String? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  let process = try ExampleProcess.start("AddHeader", arguments)
  let status = await process.exitStatus
  var lines = process.output.split(separator: "\n", omittingEmptySubsequences: false)
  if let notice { lines.removeAll { $0.contains(notice) } }
  #expect(status == 2, "\(process.output)", sourceLocation: sourceLocation)
  #expect(lines.count == 2 && lines.last == "", "\(process.output)", sourceLocation: sourceLocation)
  #expect(lines.first?.hasPrefix("AddHeader: ") == true, "\(process.output)", sourceLocation: sourceLocation)
  for word in words {
    #expect(lines.first?.contains(word) == true, "\(process.output)", sourceLocation: sourceLocation)
  }
}

func expectRefusal(
  _ words: [String], _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  try await expectRefusal(words, arguments, sourceLocation: sourceLocation)
}
