// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
//   postgres register --connections 8 --tasks 32 --seconds 3
//   postgres select --connections 4 --tasks 64 --seconds 3
//
// Uses the server at DATABASE_URL and its own schema, `bench_c`, which is dropped at the end. Prints one line of JSON, or
// reports what is wrong on stderr and exits with 1.

#include "postgres.h"

#include <string.h>

int main(int count, char **values) {
    if (count > 1 && strcmp(values[1], "register") == 0) {
        register_main(count - 2, values + 2);
    } else if (count > 1 && strcmp(values[1], "select") == 0) {
        select_main(count - 2, values + 2);
    } else {
        fail("usage: postgres register|select --name value …");
    }
    return 0;
}
