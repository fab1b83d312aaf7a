// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// Shared by all baselines: arguments, clocks, random numbers, ids and the line of JSON.

#ifndef MEASURE_H
#define MEASURE_H

#include <stddef.h>
#include <stdint.h>

/// Reports what is wrong on stderr and exits with 1.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// Allocates memory, or ends the program.
void *allocate(size_t count, size_t size);

/// Parses arguments of the form `--name value`. `names` ends with NULL; any other argument ends the program.
typedef struct {
    int count;
    char **values;
} Arguments;

Arguments arguments_read(int count, char **values, const char *const *names);
/// The value of `--name`, by default `standard`; if that is NULL, the argument is required.
const char *argument_text(Arguments arguments, const char *name, const char *standard);
/// The same for an integer from 1 to a billion; with a standard of 0, the argument is required.
long argument_number(Arguments arguments, const char *name, long standard);

/// The time of a monotonic clock, in seconds.
double now(void);

/// The timed part of a program.
typedef struct {
    double wall;
    double cpu;
} Measurement;

/// Starts the timed part.
Measurement measurement_start(void);
/// Ends the timed part; the fields are durations in seconds afterwards.
void measurement_stop(Measurement *measurement);
/// Prints the result; `latencies`, in seconds, may be NULL and is sorted by this call.
void measurement_print(const Measurement *measurement, long operations, double *latencies, size_t latency_count);

/// xorshift64*; the state must not be 0.
static inline uint64_t random_next(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(0x2545F4914F6CDD1D);
}

/// A random number below `limit`.
static inline uint32_t random_below(uint64_t *state, uint32_t limit) {
    return (uint32_t)(((random_next(state) >> 32) * limit) >> 32);
}

/// A seed that differs between runs.
uint64_t random_seed(void);

/// Generates UUIDv7s like the bus: milliseconds, a 12-bit counter, random bits.
typedef struct {
    uint64_t random;
    uint64_t milliseconds;
    uint64_t counter;
} IdSource;

typedef struct {
    uint64_t high;
    uint64_t low;
} Id;

enum { ID_TEXT_LENGTH = 36 };

Id id_next(IdSource *source);
/// Writes the lower-case form without a terminating zero.
void id_write(Id id, char *text);

#endif
