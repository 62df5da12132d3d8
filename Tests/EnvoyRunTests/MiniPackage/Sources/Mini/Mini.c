// SPDX-License-Identifier: Apache-2.0
//
// The least that Envoy, and envoyrun, take for a module with an application.
#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "Text.h"

typedef struct {
  const char *pointer;
  size_t length;
} Bytes;

void envoy_dynamic_module_callback_http_send_response(
    void *envoy, uint32_t status, const void *headers, size_t count, Bytes body, Bytes details);

char *swift_callouts_describe_module(void) { return strdup("application mini\n"); }

const char *envoy_dynamic_module_on_program_init(void) { return "v0.2.0"; }

#define HOOK(name) envoy_dynamic_module_on_http_filter_##name

const void *HOOK(config_new)(void *envoy, Bytes name, Bytes text) { return "a configuration"; }
const void *HOOK(new)(const void *configuration, void *envoy) { return "a filter"; }

/// Answers every request with the text, and how it was built.
int HOOK(request_headers)(void *envoy, const void *filter, bool isEnd) {
#ifdef DEBUG
  const char *build = " (debug)";
#else
  const char *build = " (release)";
#endif
  char answer[100] = "";
  strncat(answer, text(), 50);
  strcat(answer, build);
  envoy_dynamic_module_callback_http_send_response(
      envoy, 200, NULL, 0, (Bytes){answer, strlen(answer)}, (Bytes){"", 0});
  const int stop = 1;
  return stop;
}

// Envoy demands these too.
#define UNUSED_HOOK(name) \
  const void *HOOK(name)(void) { return NULL; }

UNUSED_HOOK(config_destroy)
UNUSED_HOOK(per_route_config_new)
UNUSED_HOOK(per_route_config_destroy)
UNUSED_HOOK(destroy)
UNUSED_HOOK(stream_complete)
UNUSED_HOOK(request_body)
UNUSED_HOOK(request_trailers)
UNUSED_HOOK(response_headers)
UNUSED_HOOK(response_body)
UNUSED_HOOK(response_trailers)
UNUSED_HOOK(scheduled)
UNUSED_HOOK(downstream_above_write_buffer_high_watermark)
UNUSED_HOOK(downstream_below_write_buffer_low_watermark)
UNUSED_HOOK(http_callout_done)
UNUSED_HOOK(http_stream_headers)
UNUSED_HOOK(http_stream_data)
UNUSED_HOOK(http_stream_trailers)
UNUSED_HOOK(http_stream_complete)
UNUSED_HOOK(http_stream_reset)
