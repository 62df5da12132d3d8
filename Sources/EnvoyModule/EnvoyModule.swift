// SPDX-License-Identifier: Apache-2.0
public import Callouts

/// The filters of a dynamic module, which Envoy loads into its own process.
///
/// A module is a dynamic library with one function, which Envoy has called when it loads the module:
///
///     import EnvoyModule
///
///     @c public func envoyModuleRegister() {
///       EnvoyModule.register("add-header", AddHeader.self)
///     }
///
/// In Envoy's configuration the filter `envoy.filters.http.dynamic_modules` names the library, and in `filter_name` the
/// filter. Supported are Envoy 1.38 to 1.40.
public enum EnvoyModule {
  /// Registers a callout as a filter of this name.
  ///
  /// It is the same callout that a server offers over ext_proc, without gRPC: hooks run on Envoy's own worker threads.
  /// They must neither block a thread, nor use the main actor, which nobody runs there; and where one traps, Envoy does.
  public static func register(_ name: String, _ callout: CalloutServer.Type) {
    register(name) { _ in callout.init() }
  }

  /// Registers a callout that is made of the filter's configuration.
  ///
  /// - Parameter make: called on Envoy's main thread for each filter, and for each route with a configuration of its own,
  ///   which is then asked in place of the filter's. Where it throws Envoy refuses the configuration.
  public static func register(
    _ name: String, _ make: @escaping @Sendable (FilterConfiguration) throws -> CalloutServer
  ) {
    Registry.shared.add(name, .callout(make))
  }

  /// Registers an application as a filter of this name, which is a `terminal_filter`.
  ///
  /// - Parameter make: called on Envoy's main thread for each filter, and for each route with a configuration of its own,
  ///   which then answers in place of the filter's. Where it throws Envoy refuses the configuration.
  public static func register<Application: HTTPApplication>(
    _ name: String, _ make: @escaping @Sendable (FilterConfiguration) throws -> Application
  ) {
    Registry.shared.add(name, .application(make))
  }
}

/// What Envoy's configuration says for a filter of the module.
public struct FilterConfiguration: Sendable {
  /// `filter_config` as text: JSON where it is a Struct, the text itself where it is a StringValue; empty without one.
  public let text: String
}
