// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import CalloutServing
import Foundation

@main
struct CalloutBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "callout-bench",
    abstract: "Loads an ext_proc server the way Envoy does, and tells how fast it answers.",
    discussion: """
      Each stream is one HTTP exchange: request headers, perhaps a body, response headers, perhaps a body, each sent \
      when the one before was answered; then the stream is half-closed and the next begins. Latency is the time from \
      a message to its answer; of a body, from its first piece to the last answer; with --rate, from when an exchange \
      was due.

      Exits with 0 when all went well, with 1 when an exchange failed or no connection could be made, and with 64 when \
      it was called wrongly.
      """)

  @Argument(help: "The server: host:port, [IPv6]:port or unix:/path.")
  var target: ListenAddress

  @Flag(help: "Use TLS.")
  var tls = false

  @Option(help: ArgumentHelp("PEM file of certificates to trust with --tls.", valueName: "file"))
  var cacert: String?

  @Option(help: "The name that the server's certificate must bear. (default: the target's host)")
  var serverName: String?

  @Flag(name: .shortAndLong, help: "With --tls, trust any certificate.")
  var insecure = false

  @Option(name: .shortAndLong, help: "Connections.")
  var connections = 1

  @Option(name: .shortAndLong, help: "Streams at once on each connection.")
  var streams = 32

  @Option(name: .shortAndLong, help: "Seconds to run, after the warm-up. (default: 10, unless --exchanges is given)")
  var duration: Double?

  @Option(name: [.customShort("n"), .long], help: "Exchanges to make, instead of a duration.")
  var exchanges: Int?

  @Option(help: "Seconds to run before anything is counted.")
  var warmup = 0.5

  @Option(name: .shortAndLong, help: "Exchanges to begin per second. (default: the next when one has ended)")
  var rate: Double?

  @Option(name: .shortAndLong, help: "Threads. (default: one for each connection, at most one for each core)")
  var threads: Int?

  @Option(
    name: [.customShort("H"), .long],
    help: ArgumentHelp("A request header to send, beside those of a usual request.", valueName: "name: value"))
  var header: [String] = []

  @Flag(help: "Send no response headers: the exchange ends with the request.")
  var requestOnly = false

  @Option(
    help: ArgumentHelp(
      "Files of serialized ProcessingRequests to send in this order, each answered once, instead of headers and bodies.",
      valueName: "file"))
  var message: [String] = []

  @Option(help: ArgumentHelp("Bytes of request body.", valueName: "bytes"))
  var bodySize = 0

  @Option(help: ArgumentHelp("Bytes of response body.", valueName: "bytes"))
  var responseBodySize = 0

  @Option(help: "How bodies are sent: \(BodyMode.allCases.map(\.rawValue).joined(separator: ", ")).")
  var bodyMode = BodyMode.streamed

  @Option(help: ArgumentHelp("Bytes of a piece of body.", valueName: "bytes"))
  var chunkSize = 65_536

  @Flag(help: "Report as JSON.")
  var json = false

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  func validate() throws {
    for (flag, value) in [("--connections", connections), ("--streams", streams), ("--chunk-size", chunkSize)] {
      guard value >= 1 else { throw ValidationError("\(flag) \(value): give at least 1") }
    }
    if let exchanges, exchanges < 1 { throw ValidationError("--exchanges \(exchanges): give at least 1") }
    if let threads, threads < 1 { throw ValidationError("--threads \(threads): give at least 1") }
    if let rate, !(rate > 0) { throw ValidationError("--rate \(rate): give a number above 0") }
    if let duration, !(duration > 0) { throw ValidationError("--duration \(duration): give seconds above 0") }
    guard warmup >= 0 else { throw ValidationError("--warmup \(warmup): give seconds, or 0 for none") }
    guard exchanges == nil || duration == nil else { throw ValidationError("give --exchanges or --duration, not both") }
    guard bodySize >= 0, responseBodySize >= 0 else { throw ValidationError("a body has 0 bytes or more") }
    guard tls || (cacert == nil && serverName == nil && !insecure) else {
      throw ValidationError("--cacert, --server-name and --insecure need --tls")
    }
    guard message.isEmpty || (header.isEmpty && bodySize == 0 && responseBodySize == 0 && !requestOnly) else {
      throw ValidationError("--message replaces headers and bodies: give either")
    }
  }

  func run() async throws {
    let runner = try LoadRunner(target, load(), connections: connections, threads: threads)
    let showsProgress = !quiet && isatty(STDERR_FILENO) == 1
    let report = try await runner.run(for: .seconds(duration ?? 10), warmup: .seconds(warmup)) { progress in
      if showsProgress { FileHandle.standardError.write(Data("\(progress)\n".utf8)) }
    }
    print(json ? try report.json() : report.description)
    if !report.errors.isEmpty { throw ExitCode.failure }
  }

  private func load() throws -> Load {
    let exchange: Exchange
    if message.isEmpty {
      exchange = try Exchange(
        headers: header.map(Self.parsed), requestOnly: requestOnly,
        bodies: Exchange.Bodies(
          mode: bodyMode, request: bodySize, response: responseBodySize, chunk: chunkSize))
    } else {
      exchange = Exchange(messages: try message.map(Self.contents))
    }
    var load = Load(exchange, streams: streams)
    load.exchanges = exchanges
    // Each connection begins its share.
    load.rate = rate.map { $0 / Double(connections) }
    if tls {
      load.tls = Load.TLS(
        trustRoots: try cacert.map(Self.contents), serverName: serverName, verifiesServer: !insecure)
    }
    return load
  }

  private static func parsed(_ header: String) throws -> (name: String, value: String) {
    guard let colon = header.dropFirst().firstIndex(of: ":") else {
      throw ValidationError("--header '\(header)': give 'name: value'")
    }
    let value = header[header.index(after: colon)...]
    return (header[..<colon].lowercased(), String(value.drop { $0 == " " }))
  }

  private static func contents(_ path: String) throws -> [UInt8] {
    do {
      return Array(try Data(contentsOf: URL(filePath: path)))
    } catch {
      throw ValidationError("\(path): cannot be read: \(error.localizedDescription)")
    }
  }
}
