// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import CalloutGRPC
import CalloutServing
import NIOCore
import NIOPosix

struct Load: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Connects clients to a server of this program, has it change clusters, and reports.")

  @Argument(help: "The server: host:port or unix:/path.")
  var target: ListenAddress

  @Option(name: .shortAndLong, help: "Clients, each with a connection and one aggregated stream.")
  var streams = 1_000

  @Option(help: "The protocol: \(Variant.allCases.map(\.rawValue).joined(separator: ", ")).")
  var variant = Variant.delta

  @Option(help: "Clusters that an update changes.")
  var changed = 10

  @Option(name: .shortAndLong, help: "Updates.")
  var updates = 20

  @Option(help: ArgumentHelp("Percent of the clients that never read.", valueName: "percent"))
  var stuck = 0

  @Option(name: .shortAndLong, help: "Threads.")
  var threads = 1

  @Option(help: "Seconds after which an update that not everybody has acknowledged is given up.")
  var timeout = 60

  @Option(help: ArgumentHelp("Time between an update's last acknowledgement and the next.", valueName: "milliseconds"))
  var pause = 0

  @Option(help: "Seconds to wait before the server's idle memory is looked at: it gives back what a burst took.")
  var rest = 3

  enum Variant: String, CaseIterable, ExpressibleByArgument { case delta, sotw }

  func validate() throws {
    for (flag, value) in [
      ("--streams", streams), ("--changed", changed), ("--updates", updates), ("--threads", threads),
      ("--timeout", timeout),
    ] {
      guard value >= 1 else { throw ValidationError("\(flag) \(value): give at least 1") }
    }
    guard pause >= 0 else { throw ValidationError("--pause \(pause): give milliseconds, or 0") }
    guard rest >= 0 else { throw ValidationError("--rest \(rest): give seconds, or 0") }
    guard (0..<100).contains(stuck) else { throw ValidationError("--stuck \(stuck): give percent under 100") }
  }

  func run() async throws {
    ProcessLimits.raiseFiles()
    print(try await report())
  }

  func report() async throws -> Report {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    do {
      let report = try await run(on: group)
      try await group.shutdownGracefully()
      return report
    } catch {
      try await group.shutdownGracefully()
      throw error
    }
  }

  private func run(on group: MultiThreadedEventLoopGroup) async throws -> Report {
    let server = ControlClient(channel: try await GRPCChannel.connect(to: target.resolve()))
    var report = Report(load: self, before: try await server.usage)
    guard changed <= report.before.clusters else {
      throw ValidationError("--changed \(changed): the server has \(report.before.clusters) clusters")
    }
    let laps = Laps(runners: streams - streams * stuck / 100)
    let start = ContinuousClock.now
    let clients = try await connect(laps, clusters: report.before.clusters, on: group)
    _ = try await laps.wait(for: 0, timeout: .seconds(timeout))
    report.synchronized = ContinuousClock.now - start
    try await Task.sleep(for: .seconds(rest))
    report.idle = try await server.usage
    report.bytesBefore = try await bytes(of: clients)
    for number in 1...updates {
      let published = try await server.publish(Control.Change(number: number, clusters: changed))
      let times = try await laps.wait(for: number, timeout: .seconds(timeout))
      report.record(published, times)
      try await Task.sleep(for: .milliseconds(pause))
    }
    report.bytes = try await bytes(of: clients)
    report.after = try await server.usage
    for client in clients { client.eventLoop.execute { client.value.close() } }
    await server.channel.close()
    return report
  }

  private func connect(
    _ laps: Laps, clusters: Int, on group: MultiThreadedEventLoopGroup
  ) async throws -> [NIOLoopBound<LoadClient>] {
    let address = try target.resolve()
    var clients: [NIOLoopBound<LoadClient>] = []
    for index in 0..<streams {
      let eventLoop = group.next()
      let client = try await eventLoop.submit { [variant, changed] in
        let isStuck = index >= laps.runners
        let client = LoadClient(
          variant, name: "client-\(index)", clusters: clusters, changed: changed, isStuck: isStuck, laps)
        return NIOLoopBound(client, eventLoop: eventLoop)
      }.get()
      clients.append(client)
      try await LoadClient.connect(client, to: address).get()
    }
    return clients
  }

  private func bytes(of clients: [NIOLoopBound<LoadClient>]) async throws -> Int {
    var sum = 0
    for client in clients { sum += try await client.eventLoop.submit { client.value.bytes }.get() }
    return sum
  }
}
