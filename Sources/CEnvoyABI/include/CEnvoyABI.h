// SPDX-License-Identifier: Apache-2.0
//
// The part of Envoy's ABI for dynamic modules that EnvoyModule uses: names, types of parameters, and values. Envoy
// resolves functions by name alone, so that nothing but tests on each Envoy tells whether this is right.
//
// Supported are Envoy 1.38 to 1.40. Envoy resolves a module's symbols when it loads it, and refuses the module where
// one is missing, so that what 1.38 lacks is weak, and has a function here that tells whether it is there.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// MARK: Types

/// Bytes that belong to whoever passes them.
typedef struct {
  const char *_Nullable pointer;
  size_t length;
} EnvoyBytes;

/// A header or a trailer.
typedef struct {
  const char *_Nullable name;
  size_t nameLength;
  const char *_Nullable value;
  size_t valueLength;
} EnvoyHeader;

/// What Envoy knows of a filter of one stream, or of a filter's configuration.
typedef void *_Nonnull EnvoyPointer;
/// What the module knows of one.
typedef const void *_Nonnull ModulePointer;
typedef const void *_Nullable OptionalModulePointer;

enum { EnvoyLogTrace, EnvoyLogDebug, EnvoyLogInfo, EnvoyLogWarn, EnvoyLogError, EnvoyLogCritical };

enum { EnvoyRequestHeaders, EnvoyRequestTrailers, EnvoyResponseHeaders, EnvoyResponseTrailers };

/// What arrived is there during the hook that tells of it, what is buffered always.
enum { EnvoyReceivedRequestBody, EnvoyBufferedRequestBody, EnvoyReceivedResponseBody, EnvoyBufferedResponseBody };

enum { EnvoyHeadersContinue, EnvoyHeadersStop };
enum { EnvoyDataContinue, EnvoyDataStopAndBuffer, EnvoyDataStopAndWatermark, EnvoyDataStopNoBuffer };
enum { EnvoyTrailersContinue, EnvoyTrailersStop };

/// Where metadata comes from: the stream's own.
enum { EnvoyDynamicMetadata };

// MARK: What the user of EnvoyModule defines

/// Registers the filters of the module; called once, when it is loaded.
void envoyModuleRegister(void) __attribute__((weak));
static inline bool envoyModuleHasRegister(void) { return envoyModuleRegister != NULL; }

/// Where the module was loaded from.
const char *_Nullable envoyModulePath(void);

/// A place for an object of the thread's own, at first empty.
void *_Nullable *_Nonnull envoyThreadObject(void);

// MARK: What the module defines

/// By this name a hook is written in Swift.
#define SWIFT_HOOK(name) __attribute__((swift_name(name)))

/// Lines that say which filters the module has; not called by Envoy, and without one. The caller frees it.
const char *_Nullable swift_callouts_describe_module(void)
    SWIFT_HOOK("describeModule()");

// What Envoy calls.

const char *_Nullable envoy_dynamic_module_on_program_init(void)
    SWIFT_HOOK("programInit()");

OptionalModulePointer envoy_dynamic_module_on_http_filter_config_new(
    EnvoyPointer config, EnvoyBytes name, EnvoyBytes text)
    SWIFT_HOOK("filterConfigNew(_:_:_:)");
void envoy_dynamic_module_on_http_filter_config_destroy(ModulePointer config)
    SWIFT_HOOK("filterConfigDestroy(_:)");
OptionalModulePointer envoy_dynamic_module_on_http_filter_per_route_config_new(EnvoyBytes name, EnvoyBytes text)
    SWIFT_HOOK("filterPerRouteConfigNew(_:_:)");
void envoy_dynamic_module_on_http_filter_per_route_config_destroy(ModulePointer config)
    SWIFT_HOOK("filterPerRouteConfigDestroy(_:)");

OptionalModulePointer envoy_dynamic_module_on_http_filter_new(ModulePointer config, EnvoyPointer envoy)
    SWIFT_HOOK("filterNew(_:_:)");
void envoy_dynamic_module_on_http_filter_destroy(ModulePointer filter)
    SWIFT_HOOK("filterDestroy(_:)");
void envoy_dynamic_module_on_http_filter_stream_complete(EnvoyPointer envoy, ModulePointer filter)
    SWIFT_HOOK("streamComplete(_:_:)");

int envoy_dynamic_module_on_http_filter_request_headers(EnvoyPointer envoy, ModulePointer filter, bool endOfStream)
    SWIFT_HOOK("requestHeaders(_:_:_:)");
int envoy_dynamic_module_on_http_filter_request_body(EnvoyPointer envoy, ModulePointer filter, bool endOfStream)
    SWIFT_HOOK("requestBody(_:_:_:)");
int envoy_dynamic_module_on_http_filter_request_trailers(EnvoyPointer envoy, ModulePointer filter)
    SWIFT_HOOK("requestTrailers(_:_:)");
int envoy_dynamic_module_on_http_filter_response_headers(EnvoyPointer envoy, ModulePointer filter, bool endOfStream)
    SWIFT_HOOK("responseHeaders(_:_:_:)");
int envoy_dynamic_module_on_http_filter_response_body(EnvoyPointer envoy, ModulePointer filter, bool endOfStream)
    SWIFT_HOOK("responseBody(_:_:_:)");
int envoy_dynamic_module_on_http_filter_response_trailers(EnvoyPointer envoy, ModulePointer filter)
    SWIFT_HOOK("responseTrailers(_:_:)");

void envoy_dynamic_module_on_http_filter_scheduled(EnvoyPointer envoy, ModulePointer filter, uint64_t event)
    SWIFT_HOOK("scheduled(_:_:_:)");
void envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(
    EnvoyPointer envoy, ModulePointer filter)
    SWIFT_HOOK("downstreamAboveHighWatermark(_:_:)");
void envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(
    EnvoyPointer envoy, ModulePointer filter)
    SWIFT_HOOK("downstreamBelowLowWatermark(_:_:)");

// Envoy demands these too, for requests that a filter makes by itself.
void envoy_dynamic_module_on_http_filter_http_callout_done(
    EnvoyPointer envoy, ModulePointer filter, uint64_t callout, int result, const EnvoyHeader *_Nullable headers,
    size_t headerCount, const EnvoyBytes *_Nullable body, size_t bodyCount)
    SWIFT_HOOK("httpCalloutDone(_:_:_:_:_:_:_:_:)");
void envoy_dynamic_module_on_http_filter_http_stream_headers(
    EnvoyPointer envoy, ModulePointer filter, uint64_t stream, const EnvoyHeader *_Nullable headers, size_t count,
    bool endOfStream)
    SWIFT_HOOK("httpStreamHeaders(_:_:_:_:_:_:)");
void envoy_dynamic_module_on_http_filter_http_stream_data(
    EnvoyPointer envoy, ModulePointer filter, uint64_t stream, const EnvoyBytes *_Nullable body, size_t count,
    bool endOfStream)
    SWIFT_HOOK("httpStreamData(_:_:_:_:_:_:)");
void envoy_dynamic_module_on_http_filter_http_stream_trailers(
    EnvoyPointer envoy, ModulePointer filter, uint64_t stream, const EnvoyHeader *_Nullable trailers, size_t count)
    SWIFT_HOOK("httpStreamTrailers(_:_:_:_:_:)");
void envoy_dynamic_module_on_http_filter_http_stream_complete(
    EnvoyPointer envoy, ModulePointer filter, uint64_t stream)
    SWIFT_HOOK("httpStreamComplete(_:_:_:)");
void envoy_dynamic_module_on_http_filter_http_stream_reset(
    EnvoyPointer envoy, ModulePointer filter, uint64_t stream, int reason)
    SWIFT_HOOK("httpStreamReset(_:_:_:_:)");

// MARK: What Envoy defines

void envoy_dynamic_module_callback_log(int level, EnvoyBytes message);
bool envoy_dynamic_module_callback_log_enabled(int level);

// Any thread may commit to a scheduler; Envoy calls the hook above on the filter's own, unless the filter is gone.
void *_Nonnull envoy_dynamic_module_callback_http_filter_scheduler_new(EnvoyPointer envoy);
void envoy_dynamic_module_callback_http_filter_scheduler_commit(void *_Nonnull scheduler, uint64_t event);
void envoy_dynamic_module_callback_http_filter_scheduler_delete(void *_Nonnull scheduler);

size_t envoy_dynamic_module_callback_http_get_headers_size(EnvoyPointer envoy, int kind);
bool envoy_dynamic_module_callback_http_get_headers(EnvoyPointer envoy, int kind, EnvoyHeader *_Nonnull headers);
bool envoy_dynamic_module_callback_http_get_header(
    EnvoyPointer envoy, int kind, EnvoyBytes name, EnvoyBytes *_Nonnull value, size_t index, size_t *_Nullable count);
/// Removes the header where the value is empty.
bool envoy_dynamic_module_callback_http_set_header(EnvoyPointer envoy, int kind, EnvoyBytes name, EnvoyBytes value);
bool envoy_dynamic_module_callback_http_add_header(EnvoyPointer envoy, int kind, EnvoyBytes name, EnvoyBytes value);

// The same, as functions of the module's. Swift makes one of functions that differ in nothing but what they call, and
// takes the addresses of Envoy's for it, so that the library could not be loaded where there is no Envoy.
void envoySetHeader(EnvoyPointer envoy, int kind, EnvoyBytes name, EnvoyBytes value);
void envoyAddHeader(EnvoyPointer envoy, int kind, EnvoyBytes name, EnvoyBytes value);

size_t envoy_dynamic_module_callback_http_get_body_size(EnvoyPointer envoy, int kind);
size_t envoy_dynamic_module_callback_http_get_body_chunks_size(EnvoyPointer envoy, int kind);
bool envoy_dynamic_module_callback_http_get_body_chunks(EnvoyPointer envoy, int kind, EnvoyBytes *_Nonnull chunks);
bool envoy_dynamic_module_callback_http_append_body(EnvoyPointer envoy, int kind, EnvoyBytes bytes);
bool envoy_dynamic_module_callback_http_drain_body(EnvoyPointer envoy, int kind, size_t count);
/// What arrives is the buffer of a filter before this one, and the same as what is buffered.
bool envoy_dynamic_module_callback_http_received_buffered_request_body(EnvoyPointer envoy);
bool envoy_dynamic_module_callback_http_received_buffered_response_body(EnvoyPointer envoy);
uint64_t envoy_dynamic_module_callback_http_get_buffer_limit(EnvoyPointer envoy);
void envoy_dynamic_module_callback_http_set_buffer_limit(EnvoyPointer envoy, uint64_t limit);

void envoy_dynamic_module_callback_http_filter_continue_decoding(EnvoyPointer envoy);
void envoy_dynamic_module_callback_http_filter_continue_encoding(EnvoyPointer envoy);
void envoy_dynamic_module_callback_http_clear_route_cache(EnvoyPointer envoy);
OptionalModulePointer envoy_dynamic_module_callback_get_most_specific_route_config(EnvoyPointer envoy);

void envoy_dynamic_module_callback_http_send_response(
    EnvoyPointer envoy, uint32_t status, const EnvoyHeader *_Nullable headers, size_t count, EnvoyBytes body,
    EnvoyBytes details);
void envoy_dynamic_module_callback_http_send_response_headers(
    EnvoyPointer envoy, const EnvoyHeader *_Nullable headers, size_t count, bool endOfStream);
void envoy_dynamic_module_callback_http_send_response_data(EnvoyPointer envoy, EnvoyBytes data, bool endOfStream);
void envoy_dynamic_module_callback_http_send_response_trailers(
    EnvoyPointer envoy, const EnvoyHeader *_Nullable trailers, size_t count);

bool envoy_dynamic_module_callback_http_filter_get_attribute_string(
    EnvoyPointer envoy, int attribute, EnvoyBytes *_Nonnull value);
bool envoy_dynamic_module_callback_http_filter_get_attribute_int(
    EnvoyPointer envoy, int attribute, uint64_t *_Nonnull value);
bool envoy_dynamic_module_callback_http_filter_get_attribute_bool(
    EnvoyPointer envoy, int attribute, bool *_Nonnull value);

size_t envoy_dynamic_module_callback_http_get_metadata_namespaces_count(EnvoyPointer envoy, int source);
bool envoy_dynamic_module_callback_http_get_metadata_namespaces(
    EnvoyPointer envoy, int source, EnvoyBytes *_Nonnull namespaces);
size_t envoy_dynamic_module_callback_http_get_metadata_keys_count(
    EnvoyPointer envoy, int source, EnvoyBytes scope);
bool envoy_dynamic_module_callback_http_get_metadata_keys(
    EnvoyPointer envoy, int source, EnvoyBytes scope, EnvoyBytes *_Nonnull keys);
bool envoy_dynamic_module_callback_http_get_metadata_string(
    EnvoyPointer envoy, int source, EnvoyBytes scope, EnvoyBytes key, EnvoyBytes *_Nonnull value);
bool envoy_dynamic_module_callback_http_get_metadata_number(
    EnvoyPointer envoy, int source, EnvoyBytes scope, EnvoyBytes key, double *_Nonnull value);
bool envoy_dynamic_module_callback_http_get_metadata_bool(
    EnvoyPointer envoy, int source, EnvoyBytes scope, EnvoyBytes key, bool *_Nonnull value);
void envoy_dynamic_module_callback_http_set_dynamic_metadata_string(
    EnvoyPointer envoy, EnvoyBytes scope, EnvoyBytes key, EnvoyBytes value);
void envoy_dynamic_module_callback_http_set_dynamic_metadata_number(
    EnvoyPointer envoy, EnvoyBytes scope, EnvoyBytes key, double value);
void envoy_dynamic_module_callback_http_set_dynamic_metadata_bool(
    EnvoyPointer envoy, EnvoyBytes scope, EnvoyBytes key, bool value);
bool envoy_dynamic_module_callback_http_add_dynamic_metadata_list_string(
    EnvoyPointer envoy, EnvoyBytes scope, EnvoyBytes key, EnvoyBytes value);
bool envoy_dynamic_module_callback_http_add_dynamic_metadata_list_number(
    EnvoyPointer envoy, EnvoyBytes scope, EnvoyBytes key, double value);
bool envoy_dynamic_module_callback_http_add_dynamic_metadata_list_bool(
    EnvoyPointer envoy, EnvoyBytes scope, EnvoyBytes key, bool value);

// Since Envoy 1.39.

/// Never called: it tells that Envoy keeps the two directions of a stream apart when a filter lets one go on.
void envoy_dynamic_module_callback_http_get_header_values(void) __attribute__((weak));
static inline bool envoyContinuesDirectionsApart(void) {
  return envoy_dynamic_module_callback_http_get_header_values != NULL;
}

// Since Envoy 1.40.

/// Sets a namespace to a serialized google.protobuf.Struct.
bool envoy_dynamic_module_callback_http_set_dynamic_metadata_struct(
    EnvoyPointer envoy, EnvoyBytes scope, EnvoyBytes message) __attribute__((weak));
static inline bool envoyHasMetadataStruct(void) {
  return envoy_dynamic_module_callback_http_set_dynamic_metadata_struct != NULL;
}

/// Sets a namespace of typed metadata to a serialized google.protobuf.Any.
bool envoy_dynamic_module_callback_http_set_dynamic_typed_metadata(
    EnvoyPointer envoy, EnvoyBytes scope, EnvoyBytes message) __attribute__((weak));
static inline bool envoyHasTypedMetadata(void) {
  return envoy_dynamic_module_callback_http_set_dynamic_typed_metadata != NULL;
}
