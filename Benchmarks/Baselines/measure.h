// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// What all baselines share: arguments, clocks, random numbers, ids and the one line of JSON.

#ifndef MEASURE_H
#define MEASURE_H

#include <stddef.h>
#include <stdint.h>

/// Says on stderr what did not hold, and ends the program with 1.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// Memory that is there, or the program ends.
void *allocate(size_t count, size_t size);

/// Arguments of the form `--name value`. `names` ends with NULL; any other argument ends the program.
typedef struct {
    int count;
    char **values;
} Arguments;

Arguments arguments_read(int count, char **values, const char *const *names);
/// The value of `--name`, or `standard`; without a standard (NULL) the argument has to be there.
const char *argument_text(Arguments arguments, const char *name, const char *standard);
/// The same for a whole number from 1 to a billion; a standard of 0 stands for none.
long argument_number(Arguments arguments, const char *name, long standard);

/// Seconds of a clock that never goes back.
double now(void);

/// The timed part of a program.
typedef struct {
    double wall;
    double cpu;
} Measurement;

/// Begins the timed part.
Measurement measurement_start(void);
/// Ends it: from now on the fields are seconds.
void measurement_stop(Measurement *measurement);
/// Prints the result; `latencies` (seconds) may be NULL and is sorted here.
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

/// A number below `limit`.
static inline uint32_t random_below(uint64_t *state, uint32_t limit) {
    return (uint32_t)(((random_next(state) >> 32) * limit) >> 32);
}

/// A seed that differs from run to run.
uint64_t random_seed(void);

/// Makes UUIDv7s as the bus does: milliseconds, a counter of 12 bits, random bits.
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
/// Writes the lower-case form, without an end.
void id_write(Id id, char *text);

#endif
