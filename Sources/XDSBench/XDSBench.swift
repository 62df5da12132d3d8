// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

@main
struct XDSBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "xds-bench",
    abstract: "Tells how fast a control plane brings changes to many clients, and what that costs.",
    discussion: """
      The server and the clients are two processes, so that processor time and memory can be told apart:

        xds-bench serve --clusters 1000        says where it listens
        xds-bench load 127.0.0.1:18000 --streams 1000 --changed 10

      The clients ask for all clusters, each on a connection of its own, and acknowledge all that they are sent. An update \
      begins when the one before has been acknowledged by everybody. Latency is the time from the return of the \
      publishing call to the last acknowledgement of a client.
      """,
    subcommands: [Serve.self, Load.self])
}
