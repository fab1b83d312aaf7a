// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

// The entry of libFuzzer for programs with a main of their own, which has no header (https://llvm.org/docs/LibFuzzer.html).

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));
