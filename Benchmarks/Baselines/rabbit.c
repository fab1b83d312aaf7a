// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
//   rabbit publish --window 512 --queue quorum|classic --properties all|bare --seconds 4
//   rabbit fill --queue NAME --properties all|bare --count N      purges the queue, then fills it
//   rabbit purge --queue NAME
//   rabbit consume --properties all|bare --count N [--prefetch 500]
//                                                                 bench.consumed must contain exactly N messages
//   rabbit latency --rate 1000 --seconds 5
//
// Uses the broker at RABBITMQ_URL. Prints one line of JSON, or reports what is wrong on stderr and exits with 1.

#include "rabbit.h"

#include <string.h>

int main(int count, char **values) {
    static const struct {
        const char *name;
        void (*run)(int count, char **values);
    } commands[] = {
        {"publish", publish_main}, {"fill", fill_main}, {"purge", purge_main}, {"consume", consume_main},
        {"latency", latency_main},
    };
    for (size_t i = 0; count > 1 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(values[1], commands[i].name) == 0) {
            commands[i].run(count - 2, values + 2);
            return 0;
        }
    }
    fail("usage: rabbit publish|fill|purge|consume|latency --name value …");
}
