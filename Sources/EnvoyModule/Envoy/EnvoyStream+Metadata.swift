// SPDX-License-Identifier: Apache-2.0
internal import CEnvoyABI
internal import Callouts
internal import SwiftProtobuf

extension EnvoyStream {
  /// Throws where this Envoy cannot set such metadata.
  func check(_ metadata: Google_Protobuf_Struct, in scope: String) throws(CalloutError) {
    guard !envoyHasMetadataStruct(), let (key, _) = metadata.fields.first(where: { !$0.value.isFlat }) else { return }
    throw CalloutError(
      .illegalReply, "metadata '\(key)' in '\(scope)' is nested or null, which a module can set from Envoy 1.40 on")
  }

  /// Adds dynamic metadata to what a namespace has.
  func setMetadata(_ metadata: Google_Protobuf_Struct, in scope: String) {
    scope.withEnvoyBytes { scope in
      if envoyHasMetadataStruct(), !metadata.fields.values.allSatisfy(\.isScalar) {
        metadata.withEnvoyBytes {
          _ = envoy_dynamic_module_callback_http_set_dynamic_metadata_struct(pointer, scope, $0)
        }
      } else {
        for (key, value) in metadata.fields { key.withEnvoyBytes { set(value, scope, $0) } }
      }
    }
  }

  private func set(_ value: Google_Protobuf_Value, _ scope: EnvoyBytes, _ key: EnvoyBytes) {
    switch value.kind {
    case .stringValue(let text):
      text.withEnvoyBytes { envoy_dynamic_module_callback_http_set_dynamic_metadata_string(pointer, scope, key, $0) }
    case .numberValue(let number):
      envoy_dynamic_module_callback_http_set_dynamic_metadata_number(pointer, scope, key, number)
    case .boolValue(let flag): envoy_dynamic_module_callback_http_set_dynamic_metadata_bool(pointer, scope, key, flag)
    case .listValue(let list): for element in list.values { add(element, scope, key) }
    case .structValue, .nullValue, nil: break
    }
  }

  private func add(_ element: Google_Protobuf_Value, _ scope: EnvoyBytes, _ key: EnvoyBytes) {
    switch element.kind {
    case .stringValue(let text):
      text.withEnvoyBytes {
        _ = envoy_dynamic_module_callback_http_add_dynamic_metadata_list_string(pointer, scope, key, $0)
      }
    case .numberValue(let number):
      _ = envoy_dynamic_module_callback_http_add_dynamic_metadata_list_number(pointer, scope, key, number)
    case .boolValue(let flag):
      _ = envoy_dynamic_module_callback_http_add_dynamic_metadata_list_bool(pointer, scope, key, flag)
    case .listValue, .structValue, .nullValue, nil: break
    }
  }

  /// Sets typed metadata; throws where this Envoy cannot.
  func setTypedMetadata(_ metadata: Google_Protobuf_Any, in scope: String) throws(CalloutError) {
    guard envoyHasTypedMetadata() else {
      throw CalloutError(.illegalReply, "typed metadata in '\(scope)' can be set by a module from Envoy 1.40 on")
    }
    scope.withEnvoyBytes { scope in
      metadata.withEnvoyBytes {
        _ = envoy_dynamic_module_callback_http_set_dynamic_typed_metadata(pointer, scope, $0)
      }
    }
  }

  /// The dynamic metadata of all namespaces, but for what is nested, which Envoy shows no module.
  var metadata: [String: Google_Protobuf_Struct] {
    let source = Int32(EnvoyDynamicMetadata)
    let scopes = list(envoy_dynamic_module_callback_http_get_metadata_namespaces_count(pointer, source)) {
      envoy_dynamic_module_callback_http_get_metadata_namespaces(pointer, source, $0)
    }
    return scopes.reduce(into: [:]) { metadata, scope in
      let keys = list(envoy_dynamic_module_callback_http_get_metadata_keys_count(pointer, source, scope)) {
        envoy_dynamic_module_callback_http_get_metadata_keys(pointer, source, scope, $0)
      }
      for key in keys { metadata[String(scope), default: .init()].fields[String(key)] = value(scope, key) }
    }
  }

  private func value(_ scope: EnvoyBytes, _ key: EnvoyBytes) -> Google_Protobuf_Value? {
    let source = Int32(EnvoyDynamicMetadata)
    var text = EnvoyBytes()
    if envoy_dynamic_module_callback_http_get_metadata_string(pointer, source, scope, key, &text) {
      return Google_Protobuf_Value(stringValue: String(text))
    }
    var number = 0.0
    if envoy_dynamic_module_callback_http_get_metadata_number(pointer, source, scope, key, &number) {
      return Google_Protobuf_Value(numberValue: number)
    }
    var flag = false
    if envoy_dynamic_module_callback_http_get_metadata_bool(pointer, source, scope, key, &flag) {
      return Google_Protobuf_Value(boolValue: flag)
    }
    return nil
  }

  private func list(_ count: Int, _ fill: (UnsafeMutablePointer<EnvoyBytes>) -> Bool) -> [EnvoyBytes] {
    guard count > 0 else { return [] }
    return withUnsafeTemporaryAllocation(of: EnvoyBytes.self, capacity: count) { all in
      fill(all.baseAddress!) ? Array(all) : []
    }
  }
}

extension Google_Protobuf_Value {
  /// It is no more than a value or a list of values.
  fileprivate var isFlat: Bool {
    switch kind {
    case .stringValue, .numberValue, .boolValue: true
    case .listValue(let list): list.values.allSatisfy(\.isScalar)
    case .structValue, .nullValue, nil: false
    }
  }

  fileprivate var isScalar: Bool {
    switch kind {
    case .stringValue, .numberValue, .boolValue: true
    case .listValue, .structValue, .nullValue, nil: false
    }
  }
}

extension Message {
  fileprivate func withEnvoyBytes(_ body: (EnvoyBytes) -> Void) {
    // It has no required fields and its strings are Swift's, so that nothing can go wrong.
    let bytes: [UInt8] = (try? serializedBytes()) ?? []
    bytes.withUnsafeBytes { body(EnvoyBytes($0)) }
  }
}
