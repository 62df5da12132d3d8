// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ExtProc
import Logging

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

@main
struct Program: CalloutProgram {
  @OptionGroup var server: ServerOptions

  @Option(help: "The Google Cloud project that has Vertex AI. (default: $GCP_PROJECT_ID)")
  var project: String?

  @Option(help: "The region of Vertex AI. (default: $GCP_REGION or us-central1)")
  var region: String?

  func run(_ configuration: ServerConfiguration, logger: Logger) async throws {
    let environment = ProcessInfo.processInfo.environment
    let vertex = Vertex(project: project, region: region, environment: environment)
    if vertex.project == nil {
      logger.warning("vertex_ai is refused: give --project or set GCP_PROJECT_ID")
    }
    try await LLMGateway(Providers(environment: environment, vertex: vertex)).run(configuration, logger: logger)
  }
}
