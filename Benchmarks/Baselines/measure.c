// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#include "measure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

void fail(const char *format, ...) {
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    // Not exit(), because other threads may still be running.
    _Exit(1);
}

void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (!memory) fail("out of memory");
    return memory;
}

// --- Arguments

Arguments arguments_read(int count, char **values, const char *const *names) {
    if (count % 2 != 0) fail("arguments come as --name value");
    for (int i = 0; i < count; i += 2) {
        int known = 0;
        for (const char *const *name = names; *name && !known; name++) {
            known = strncmp(values[i], "--", 2) == 0 && strcmp(values[i] + 2, *name) == 0;
        }
        if (!known) fail("unknown argument: %s", values[i]);
    }
    return (Arguments){count, values};
}

const char *argument_text(Arguments arguments, const char *name, const char *standard) {
    const char *found = standard;
    for (int i = 0; i < arguments.count; i += 2) {
        if (strcmp(arguments.values[i] + 2, name) == 0) found = arguments.values[i + 1];
    }
    if (!found) fail("missing argument: --%s", name);
    return found;
}

long argument_number(Arguments arguments, const char *name, long standard) {
    char text[32];
    snprintf(text, sizeof text, "%ld", standard);
    const char *found = argument_text(arguments, name, standard ? text : NULL);
    char *end;
    errno = 0;
    long number = strtol(found, &end, 10);
    if (errno || *end || end == found || number < 1 || number > 1000000000) fail("--%s is no number: %s", name, found);
    return number;
}

// --- Clocks

static double seconds(struct timespec time) { return (double)time.tv_sec + (double)time.tv_nsec / 1e9; }

double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return seconds(time);
}

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

Measurement measurement_start(void) { return (Measurement){.cpu = cpu_seconds(), .wall = now()}; }

void measurement_stop(Measurement *measurement) {
    measurement->wall = now() - measurement->wall;
    measurement->cpu = cpu_seconds() - measurement->cpu;
}

// --- The result

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/// The percentile for this share of the values, by nearest rank.
static double percentile(const double *sorted, size_t count, size_t percent) {
    size_t rank = (count * percent + 99) / 100;
    return sorted[rank > 0 ? rank - 1 : 0];
}

void measurement_print(const Measurement *measurement, long operations, double *latencies, size_t latency_count) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    // In KiB on Linux, in bytes on macOS.
#ifdef __APPLE__
    long long peak = usage.ru_maxrss;
#else
    long long peak = (long long)usage.ru_maxrss * 1024;
#endif
    printf("{\"operations\": %ld, \"seconds\": %.6f, \"cpu_seconds\": %.6f, \"peak_rss_bytes\": %lld", operations,
        measurement->wall, measurement->cpu, peak);
    if (latencies) {
        qsort(latencies, latency_count, sizeof *latencies, ascending);
        printf(", \"latency_us\": {\"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f}",
            percentile(latencies, latency_count, 50) * 1e6, percentile(latencies, latency_count, 99) * 1e6,
            latencies[latency_count - 1] * 1e6);
    }
    puts("}");
    if (fflush(stdout) != 0) fail("the result cannot be written");
}

// --- Ids

uint64_t random_seed(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    uint64_t state = (uint64_t)time.tv_sec * 1000000007u + (uint64_t)time.tv_nsec + 1;
    return random_next(&state);
}

Id id_next(IdSource *source) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    uint64_t milliseconds = (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
    if (milliseconds > source->milliseconds) {
        source->milliseconds = milliseconds;
        source->counter = 0;
    } else if (++source->counter > 0xFFF) {
        // The counter is exhausted: use the next millisecond.
        source->milliseconds++;
        source->counter = 0;
    }
    uint64_t high = source->milliseconds << 16 | 0x7000 | source->counter;
    return (Id){high, UINT64_C(0x8000000000000000) | random_next(&source->random) >> 2};
}

void id_write(Id id, char *text) {
    static const char digits[] = "0123456789abcdef";
    for (int nibble = 0; nibble < 32; nibble++) {
        if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) *text++ = '-';
        uint64_t half = nibble < 16 ? id.high : id.low;
        *text++ = digits[half >> (60 - 4 * (nibble % 16)) & 0xF];
    }
}
