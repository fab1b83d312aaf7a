// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// consume: uses large reads, and decodes and copies every message. One acknowledgement covers 50 messages, or half of the
// prefetch if that is less; acknowledgements are sent with one write after everything that was read has been processed.

#include "rabbit_message.h"

enum { ACK_EVERY = 50 };

/// Receives `wanted` deliveries and acknowledges all of them.
static void take_all(Reader *reader, bool has_all_properties, uint64_t wanted, uint64_t ack_every) {
    static uint8_t acks[64 * 1024];
    Message *message = allocate(1, sizeof *message);
    uint64_t taken = 0, acknowledged = 0;
    bool is_started = false;
    while (taken < wanted) {
        reader_read(reader, true);
        uint8_t *p = acks;
        Frame frame;
        while (reader_next(reader, &frame)) {
            if (!is_started) {
                is_started = frame.type == FRAME_METHOD && take_method(&frame.payload) == BASIC_CONSUME_OK;
                if (!is_started) fail("no consume-ok");
                continue;
            }
            if (!message_take(message, &frame)) continue;
            if (message->tag != ++taken) fail("delivery %llu has tag %llu", (unsigned long long)taken,
                (unsigned long long)message->tag);
            if (message->is_redelivered) fail("a message came again");
            if (taken > wanted) fail("more than %llu messages have come", (unsigned long long)wanted);
            message_check(message, has_all_properties);
            if (taken - acknowledged == ack_every || taken == wanted) {
                p = put_ack(p, taken, true);
                acknowledged = taken;
            }
        }
        if (p > acks) send_all(reader->socket, acks, (size_t)(p - acks));
    }
}

void consume_main(int count, char **values) {
    static const char *const names[] = {"properties", "count", "prefetch", NULL};
    Arguments arguments = arguments_read(count, values, names);
    bool has_all_properties = wants_all_properties(arguments);
    long wanted = argument_number(arguments, "count", 0);
    long prefetch = argument_number(arguments, "prefetch", PREFETCH);
    if (prefetch < 1 || prefetch > UINT16_MAX) fail("--prefetch is 1 to %d", UINT16_MAX);

    Session *session = session_open();
    session_declare(session, "bench.consumed", true);
    long found = session_count(session, "bench.consumed");
    if (found != wanted) fail("the queue has %ld messages instead of %ld", found, wanted);
    session_prefetch(session, (unsigned)prefetch);
    Reader *reader = reader_new(session_socket(session));
    uint8_t consume[512];
    size_t length = (size_t)(put_consume(consume, "bench.consumed") - consume);
    Measurement measurement = measurement_start();
    send_all(reader->socket, consume, length);
    long half = prefetch > 1 ? prefetch / 2 : 1;
    take_all(reader, has_all_properties, (uint64_t)wanted, half < ACK_EVERY ? (uint64_t)half : ACK_EVERY);
    channel_close(reader);
    measurement_stop(&measurement);
    session_reopen(session);
    if (session_count(session, "bench.consumed") != 0) fail("not all messages were acknowledged");
    session_close(session);
    measurement_print(&measurement, wanted, NULL, 0);
}
