// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// publish, fill and purge: publishes with confirms and a window of messages in flight, which is refilled when half of it
// has been confirmed; one write contains at most 64 messages.

#include "rabbit_wire.h"

enum { BATCH = 64 };

bool wants_all_properties(Arguments arguments) {
    const char *properties = argument_text(arguments, "properties", "all");
    if (strcmp(properties, "all") == 0) return true;
    if (strcmp(properties, "bare") != 0) fail("--properties is all or bare");
    return false;
}

/// Publishes until the time is over, or `limit` messages if it is not 0; returns how many were confirmed.
static long publish_all(int socket, const MessageKind *kind, uint64_t window, double end, uint64_t limit) {
    static uint8_t batch[BATCH * LARGEST_MESSAGE];
    Confirms *confirms = allocate(1, sizeof *confirms);
    Reader *reader = reader_new(socket);
    IdSource ids = {.random = random_seed()};
    bool is_over = false;
    for (;;) {
        // The second condition keeps the tags in flight distinguishable.
        while (!is_over && confirms->outstanding < window
            && confirms->published - confirms->settled < CONFIRM_SPAN / 2) {
            uint64_t count = window - confirms->outstanding;
            if (count > BATCH) count = BATCH;
            if (limit && count > limit - confirms->published) count = limit - confirms->published;
            uint8_t *p = batch;
            for (uint64_t i = 0; i < count; i++) p = put_message(p, kind, id_next(&ids));
            send_all(socket, batch, (size_t)(p - batch));
            confirms->published += count;
            confirms->outstanding += count;
            is_over = limit ? confirms->published == limit : now() >= end;
        }
        if (is_over && confirms->outstanding == 0) break;
        do {
            reader_read(reader, true);
            confirms_collect(confirms, reader);
        } while (confirms->outstanding > (is_over ? 0 : window / 2));
    }
    if (confirms->settled != confirms->published) fail("not all messages were confirmed");
    return (long)confirms->settled;
}

void publish_main(int count, char **values) {
    static const char *const names[] = {"window", "queue", "properties", "seconds", NULL};
    Arguments arguments = arguments_read(count, values, names);
    const char *type = argument_text(arguments, "queue", "quorum");
    bool is_quorum = strcmp(type, "quorum") == 0;
    if (!is_quorum && strcmp(type, "classic") != 0) fail("--queue is quorum or classic");
    long window = argument_number(arguments, "window", 512);
    if (window > CONFIRM_SPAN / 4) fail("--window is at most %d", CONFIRM_SPAN / 4);
    double seconds = (double)argument_number(arguments, "seconds", 4);
    MessageKind kind = message_kind("bench.published", wants_all_properties(arguments));

    Session *session = session_open();
    session_declare(session, kind.routing_key, is_quorum);
    long before = session_count(session, kind.routing_key);
    session_confirm(session);
    int socket = session_socket(session);
    Measurement measurement = measurement_start();
    long published = publish_all(socket, &kind, (uint64_t)window, measurement.wall + seconds, 0);
    measurement_stop(&measurement);
    long after = session_count(session, kind.routing_key);
    if (after - before != published) fail("%ld were confirmed, %ld are in the queue", published, after - before);
    session_close(session);
    measurement_print(&measurement, published, NULL, 0);
}

void fill_main(int count, char **values) {
    static const char *const names[] = {"queue", "properties", "count", NULL};
    Arguments arguments = arguments_read(count, values, names);
    const char *queue = argument_text(arguments, "queue", NULL);
    if (strlen(queue) > 255) fail("--queue has at most 255 bytes");
    long wanted = argument_number(arguments, "count", 0);
    MessageKind kind = message_kind(queue, wants_all_properties(arguments));

    Session *session = session_open();
    session_declare(session, queue, true);
    session_purge(session, queue);
    session_confirm(session);
    int socket = session_socket(session);
    Measurement measurement = measurement_start();
    long published = publish_all(socket, &kind, 2048, 0, (uint64_t)wanted);
    measurement_stop(&measurement);
    long found = session_count(session, queue);
    if (found != wanted) fail("the queue has %ld messages", found);
    session_close(session);
    measurement_print(&measurement, published, NULL, 0);
}

void purge_main(int count, char **values) {
    static const char *const names[] = {"queue", NULL};
    const char *queue = argument_text(arguments_read(count, values, names), "queue", NULL);
    Session *session = session_open();
    session_declare(session, queue, true);
    Measurement measurement = measurement_start();
    long purged = session_purge(session, queue);
    measurement_stop(&measurement);
    if (session_count(session, queue) != 0) fail("the queue is not empty");
    session_close(session);
    measurement_print(&measurement, purged, NULL, 0);
}
