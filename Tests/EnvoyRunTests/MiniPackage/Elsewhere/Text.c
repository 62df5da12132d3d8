// SPDX-License-Identifier: Apache-2.0
#include "Text.h"

const char *text(void) { return "one"; }
