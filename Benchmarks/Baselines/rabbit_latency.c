// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// latency: one thread publishes at a fixed rate whatever the broker does, another one consumes, over two connections.
// Measures from just before the message is encoded until it has been decoded, without the first second.

#include "rabbit_message.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

static const char queue[] = "bench.latency";

typedef struct {
    long rate;
    uint64_t count;
    /// When each message was published.
    double *sent;
    double *latencies;
    Session *session;
} Run;

static void sleep_until(double time) {
    struct timespec until = {.tv_sec = (time_t)time};
    until.tv_nsec = (long)((time - (double)until.tv_sec) * 1e9);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) continue;
}

/// The body begins with the index of the message.
static void write_index(MessageKind *kind, uint64_t index) {
    for (uint8_t *digit = kind->body + 18; digit >= kind->body + 9; digit--, index /= 10) *digit = '0' + index % 10;
}

static uint64_t read_index(const Message *message) {
    uint64_t index = 0;
    for (int i = 9; i <= 18; i++) index = index * 10 + message->body[i] - '0';
    return index;
}

static void *consume(void *context) {
    Run *run = context;
    Reader *reader = reader_new(session_socket(run->session));
    static uint8_t bytes[512];
    send_all(reader->socket, bytes, (size_t)(put_consume(bytes, queue) - bytes));
    Message *message = allocate(1, sizeof *message);
    bool is_started = false;
    // Like the bus, acknowledges the messages of 10 ms together, because each acknowledgement costs the broker as much as a
    // message.
    uint64_t acknowledged = 0, enough = (uint64_t)(run->rate + 99) / 100;
    for (uint64_t taken = 0; taken < run->count;) {
        reader_read(reader, true);
        Frame frame;
        while (reader_next(reader, &frame)) {
            if (!is_started) {
                is_started = frame.type == FRAME_METHOD && take_method(&frame.payload) == BASIC_CONSUME_OK;
                if (!is_started) fail("no consume-ok");
                continue;
            }
            if (!message_take(message, &frame)) continue;
            double time = now();
            message_check(message, true);
            uint64_t index = read_index(message);
            bool is_new = index < run->count && run->latencies[index] == 0;
            if (message->tag != ++taken || !is_new) fail("not the next message");
            run->latencies[index] = time - run->sent[index];
        }
        if (taken - acknowledged < enough && taken < run->count) continue;
        send_all(reader->socket, bytes, (size_t)(put_ack(bytes, taken, true) - bytes));
        acknowledged = taken;
    }
    channel_close(reader);
    return NULL;
}

/// Publishes all messages; returns the measurement, which starts after the first second.
static Measurement publish_all(Run *run, int socket) {
    static uint8_t bytes[LARGEST_MESSAGE];
    MessageKind kind = message_kind(queue, true);
    Confirms *confirms = allocate(1, sizeof *confirms);
    Reader *reader = reader_new(socket);
    IdSource ids = {.random = random_seed()};
    Measurement measurement = {0};
    // Gives the consumer half a second to start.
    double start = now() + 0.5;
    for (uint64_t i = 0; i < run->count; i++) {
        sleep_until(start + (double)i / (double)run->rate);
        if (i == (uint64_t)run->rate) measurement = measurement_start();
        write_index(&kind, i);
        run->sent[i] = now();
        uint8_t *end = put_message(bytes, &kind, id_next(&ids));
        send_all(socket, bytes, (size_t)(end - bytes));
        confirms->published++;
        confirms->outstanding++;
        if (confirms->published - confirms->settled >= CONFIRM_SPAN) fail("the broker confirms nothing any longer");
        if (reader_read(reader, false)) confirms_collect(confirms, reader);
    }
    while (confirms->outstanding > 0) {
        reader_read(reader, true);
        confirms_collect(confirms, reader);
    }
    return measurement;
}

void latency_main(int count, char **values) {
    static const char *const names[] = {"rate", "seconds", NULL};
    Arguments arguments = arguments_read(count, values, names);
    long rate = argument_number(arguments, "rate", 1000), seconds = argument_number(arguments, "seconds", 5);
    if (rate > 1000000 || seconds > 3600) fail("too many messages");
    Run run = {.rate = rate, .count = (uint64_t)(rate * (seconds + 1)), .session = session_open()};
    run.sent = allocate(run.count, sizeof *run.sent);
    run.latencies = allocate(run.count, sizeof *run.latencies);

    Session *publisher = session_open();
    session_declare(publisher, queue, true);
    session_purge(publisher, queue);
    session_confirm(publisher);
    session_prefetch(run.session, PREFETCH);
    pthread_t consumer;
    if (pthread_create(&consumer, NULL, consume, &run) != 0) fail("no thread");
    Measurement measurement = publish_all(&run, session_socket(publisher));
    if (pthread_join(consumer, NULL) != 0) fail("the consumer did not end");
    measurement_stop(&measurement);

    long measured = rate * seconds;
    for (uint64_t i = 0; i < run.count; i++) {
        if (run.latencies[i] <= 0) fail("message %llu did not come", (unsigned long long)i);
    }
    if (session_count(publisher, queue) != 0) fail("the queue is not empty");
    session_close(publisher);
    session_close(run.session);
    measurement_print(&measurement, measured, run.latencies + rate, (size_t)measured);
}
