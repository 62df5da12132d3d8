// SPDX-License-Identifier: Apache-2.0
package import CEnvoyABI
internal import Callouts
internal import Logging
internal import SwiftProtobuf
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#endif

// What Envoy calls on its main thread: when it loads the module, and about each filter's configuration. What is wrong is
// said in one line of Envoy's log, and Envoy refuses the configuration.

@c(envoy_dynamic_module_on_program_init) @implementation
package func programInit() -> UnsafePointer<CChar>? {
  stayLoaded()
  guard Registry.shared.start() else { return nil }
  // Envoy warns where the version is not its own.
  let version: StaticString = envoyHasMetadataStruct() ? "v0.2.0" : "v0.1.0"
  return UnsafeRawPointer(version.utf8Start).assumingMemoryBound(to: CChar.self)
}

/// For `envoyrun`, which loads a module without an Envoy: nothing of Envoy's may be called.
@c(swift_callouts_describe_module) @implementation
package func describeModule() -> UnsafePointer<CChar>? { UnsafePointer(strdup(Registry.shared.describe())) }

@c(envoy_dynamic_module_on_http_filter_config_new) @implementation
package func filterConfigNew(
  _ envoy: UnsafeMutableRawPointer, _ name: EnvoyBytes, _ text: EnvoyBytes
) -> UnsafeRawPointer? {
  makeFilter(name, FilterConfiguration(text: String(text)))
}

@c(envoy_dynamic_module_on_http_filter_config_destroy) @implementation
package func filterConfigDestroy(_ configuration: UnsafeRawPointer) { release(configuration) }

@c(envoy_dynamic_module_on_http_filter_per_route_config_new) @implementation
package func filterPerRouteConfigNew(_ name: EnvoyBytes, _ text: EnvoyBytes) -> UnsafeRawPointer? {
  let filter = makeFilter(name, FilterConfiguration(ofRoute: text))
  guard let filter else { return nil }
  let address = UInt(bitPattern: filter)
  FilterBox.ofRoutes.withLock { _ = $0.insert(address) }
  return filter
}

@c(envoy_dynamic_module_on_http_filter_per_route_config_destroy) @implementation
package func filterPerRouteConfigDestroy(_ configuration: UnsafeRawPointer) {
  let address = UInt(bitPattern: configuration)
  FilterBox.ofRoutes.withLock { _ = $0.remove(address) }
  release(configuration)
}

/// A filter, or what takes a filter's place on a route.
private func makeFilter(_ name: EnvoyBytes, _ configuration: FilterConfiguration) -> UnsafeRawPointer? {
  let name = String(name)
  do {
    let filter = try Registry.shared.makeFilter(name, configuration)
    return UnsafeRawPointer(Unmanaged.passRetained(FilterBox(filter)).toOpaque())
  } catch {
    EnvoyLog.error("filter '\(name)' cannot be used: \(error)")
    return nil
  }
}

extension FilterConfiguration {
  /// Envoy 1.38 gives a route's Struct as it is serialized, and not as JSON.
  fileprivate init(ofRoute text: EnvoyBytes) {
    guard !EnvoyStream.continuesDirectionsApart,
      let fields = try? Google_Protobuf_Struct(serializedBytes: Array(text.buffer)), !fields.fields.isEmpty,
      let json = try? fields.jsonString()
    else {
      self.init(text: String(text))
      return
    }
    self.init(text: json)
  }
}

private func release(_ configuration: UnsafeRawPointer) {
  Unmanaged<FilterBox>.fromOpaque(configuration).takeRetainedValue().filter.retire()
}

/// Keeps the module in memory for good.
///
/// Tasks of a stream may outlive it, so that Envoy, which by default unloads a module with the last filter that uses it,
/// would pull the code from under them.
private func stayLoaded() {
  #if canImport(Glibc)
    guard let path = envoyModulePath() else { return }
    _ = dlopen(path, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE)
  #endif
}
