// SPDX-License-Identifier: Apache-2.0

// For dladdr, which is beyond POSIX.
#define _GNU_SOURCE
#include "CEnvoyABI.h"

#include <dlfcn.h>

const char *envoyModulePath(void) {
  Dl_info info;
  return dladdr((const void *)&envoyModulePath, &info) != 0 ? info.dli_fname : NULL;
}

void **envoyThreadObject(void) {
  static _Thread_local void *object;
  return &object;
}

void envoySetHeader(void *envoy, int kind, EnvoyBytes name, EnvoyBytes value) {
  envoy_dynamic_module_callback_http_set_header(envoy, kind, name, value);
}

void envoyAddHeader(void *envoy, int kind, EnvoyBytes name, EnvoyBytes value) {
  envoy_dynamic_module_callback_http_add_header(envoy, kind, name, value);
}
