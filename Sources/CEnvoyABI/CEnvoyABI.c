// SPDX-License-Identifier: Apache-2.0

// For dladdr, which is beyond POSIX.
#define _GNU_SOURCE
#include "CEnvoyABI.h"

#include <dlfcn.h>

const char *envoyModulePath(void) {
  Dl_info info;
  return dladdr((const void *)&envoyModulePath, &info) != 0 ? info.dli_fname : NULL;
}
