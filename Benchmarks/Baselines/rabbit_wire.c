// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#include "rabbit_wire.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

// --- Writing

#define TEXT(literal) literal, sizeof literal - 1

/// The source of all messages, because it identifies the program.
#define SOURCE "/bench"

MessageKind message_kind(const char *routing_key, bool has_all_properties) {
    MessageKind kind = {
        .routing_key = routing_key,
        .routing_key_length = strlen(routing_key),
        .has_all_properties = has_all_properties,
    };
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    struct tm parts;
    gmtime_r(&time.tv_sec, &parts);
    size_t length = strftime(kind.time_text, sizeof kind.time_text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(kind.time_text + length, sizeof kind.time_text - length, ".%03ldZ", time.tv_nsec / 1000000);
    kind.time_length = strlen(kind.time_text);
    kind.time = (uint64_t)time.tv_sec;
    memset(kind.body, 'x', sizeof kind.body);
    memcpy(kind.body, "{\"text\":\"", 9);
    memcpy(kind.body + BODY_LENGTH - 2, "\"}", 2);
    return kind;
}

static inline uint8_t *put_header(uint8_t *p, const char *name, size_t name_length, const char *text, size_t length) {
    p = put_text(p, name, name_length);
    p = put_32(put_8(p, 'S'), (uint32_t)length);
    return put_bytes(p, text, length);
}

/// The CRC-32 of a key, modulo 64, as text; returns how many digits it has.
static inline size_t bucket(const char *key, size_t length, char digits[2]) {
    static uint32_t table[256];
    for (uint32_t byte = 0; !table[255] && byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xEDB88320 : value >> 1;
        table[byte] = value;
    }
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < length; i++) sum = sum >> 8 ^ table[(uint8_t)sum ^ (uint8_t)key[i]];
    unsigned number = ~sum % 64;
    size_t count = 0;
    if (number > 9) digits[count++] = (char)('0' + number / 10);
    digits[count++] = (char)('0' + number % 10);
    return count;
}

static inline uint8_t *put_header_table(uint8_t *p, const MessageKind *kind, const char *id) {
    uint8_t *start = p;
    p = put_32(p, 0);
    p = put_header(p, TEXT("cloudEvents_specversion"), TEXT("1.0"));
    p = put_header(p, TEXT("cloudEvents_id"), id, ID_TEXT_LENGTH);
    p = put_header(p, TEXT("cloudEvents_type"), kind->routing_key, kind->routing_key_length);
    p = put_header(p, TEXT("cloudEvents_source"), TEXT(SOURCE));
    p = put_header(p, TEXT("cloudEvents_time"), kind->time_text, kind->time_length);
    // The ordering key of an event is usually an id in the same form.
    p = put_header(p, TEXT("x-ordering-key"), id, ID_TEXT_LENGTH);
    char digits[2];
    size_t count = bucket(id, ID_TEXT_LENGTH, digits);
    p = put_header(p, TEXT("x-ordering-bucket"), digits, count);
    put_32(start, (uint32_t)(p - start - 4));
    return p;
}

uint8_t *put_message(uint8_t *p, const MessageKind *kind, Id id) {
    char id_text[ID_TEXT_LENGTH];
    id_write(id, id_text);

    uint8_t *start = p;
    p = put_32(frame_begin(p, FRAME_METHOD), BASIC_PUBLISH);
    p = put_text(put_16(p, 0), TEXT("events"));
    p = put_text(p, kind->routing_key, kind->routing_key_length);
    p = frame_finish(put_8(p, 1), start);  // mandatory

    start = p;
    p = put_16(put_16(frame_begin(p, FRAME_HEADER), 60), 0);
    p = put_64(p, BODY_LENGTH);
    // Content type, delivery mode, message id; headers, timestamp, type, application.
    uint16_t flags = 1 << 15 | 1 << 12 | 1 << 7;
    if (kind->has_all_properties) flags |= 1 << 13 | 1 << 6 | 1 << 5 | 1 << 3;
    p = put_text(put_16(p, flags), TEXT("application/json"));
    if (kind->has_all_properties) p = put_header_table(p, kind, id_text);
    p = put_text(put_8(p, 2), id_text, ID_TEXT_LENGTH);
    if (kind->has_all_properties) {
        p = put_64(p, kind->time);
        p = put_text(p, kind->routing_key, kind->routing_key_length);
        p = put_text(p, TEXT(SOURCE));
    }
    p = frame_finish(p, start);

    start = p;
    p = put_bytes(frame_begin(p, FRAME_BODY), kind->body, BODY_LENGTH);
    return frame_finish(p, start);
}

uint8_t *put_ack(uint8_t *p, uint64_t tag, bool is_multiple) {
    uint8_t *start = p;
    p = put_32(frame_begin(p, FRAME_METHOD), BASIC_ACK);
    return frame_finish(put_8(put_64(p, tag), is_multiple), start);
}

uint8_t *put_consume(uint8_t *p, const char *queue) {
    uint8_t *start = p;
    p = put_32(frame_begin(p, FRAME_METHOD), BASIC_CONSUME);
    p = put_text(put_16(p, 0), queue, strlen(queue));
    p = put_text(p, TEXT("baseline"));
    return frame_finish(put_32(put_8(p, 0), 0), start);  // acknowledged, not exclusive; no arguments
}

uint8_t *put_channel_close(uint8_t *p) {
    uint8_t *start = p;
    p = put_32(frame_begin(p, FRAME_METHOD), CHANNEL_CLOSE);
    p = put_text(put_16(p, 200), TEXT("done"));
    return frame_finish(put_32(p, 0), start);
}

void send_all(int socket, const uint8_t *bytes, size_t length) {
    while (length > 0) {
        ssize_t sent = send(socket, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno == EAGAIN) fail("the broker takes nothing any longer");
        if (sent < 0) fail("send: %s", strerror(errno));
        bytes += sent;
        length -= (size_t)sent;
    }
}

// --- Reading

Reader *reader_new(int socket) {
    Reader *reader = allocate(1, sizeof *reader);
    reader->socket = socket;
    return reader;
}

bool reader_read(Reader *reader, bool waits) {
    if (reader->start > 0) {
        memmove(reader->bytes, reader->bytes + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
    }
    for (;;) {
        ssize_t count = recv(reader->socket, reader->bytes + reader->end, sizeof reader->bytes - reader->end,
            waits ? 0 : MSG_DONTWAIT);
        if (count > 0) {
            reader->end += (size_t)count;
            return true;
        }
        if (count == 0) fail("the broker has ended the connection");
        if (errno == EINTR) continue;
        if (errno == EAGAIN && !waits) return false;
        if (errno == EAGAIN) fail("the broker has sent nothing for 15 s although something is due");
        fail("recv: %s", strerror(errno));
    }
}

bool reader_next(Reader *reader, Frame *frame) {
    for (;;) {
        size_t available = reader->end - reader->start;
        if (available < 8) return false;
        Cursor head = {reader->bytes + reader->start, reader->bytes + reader->end};
        frame->type = take_8(&head);
        uint16_t channel = take_16(&head);
        uint32_t size = take_32(&head);
        if (size > 131072) fail("a frame of %u bytes", size);
        if (available - 8 < size) return false;
        if (head.at[size] != FRAME_END) fail("a frame does not end where it should");
        reader->start += size + 8;
        frame->payload = (Cursor){head.at, head.at + size};
        if (channel > CHANNEL) fail("a frame on channel %u", channel);
        if (frame->type != FRAME_HEARTBEAT) return true;
    }
}

uint32_t take_method(Cursor *payload) {
    uint32_t method = take_32(payload);
    if (method == CONNECTION_CLOSE || method == CHANNEL_CLOSE) {
        unsigned code = take_16(payload);
        Span text = take_text(payload);
        fail("the broker closes the %s: %u %.*s", method == CHANNEL_CLOSE ? "channel" : "connection", code,
            (int)text.length, (const char *)text.bytes);
    }
    if (method == BASIC_RETURN) fail("the broker returns a message: nothing is bound");
    if (method == BASIC_NACK) fail("the broker refuses a message (basic.nack)");
    return method;
}

void channel_close(Reader *reader) {
    uint8_t bytes[64];
    send_all(reader->socket, bytes, (size_t)(put_channel_close(bytes) - bytes));
    for (;;) {
        reader_read(reader, true);
        Frame frame;
        while (reader_next(reader, &frame)) {
            if (frame.type != FRAME_METHOD || take_method(&frame.payload) != CHANNEL_CLOSE_OK) {
                fail("more messages have come than the queue had");
            }
            return;
        }
    }
}

// --- Confirms

static void confirm(Confirms *confirms, uint64_t tag, bool is_multiple) {
    if (tag <= confirms->settled || tag > confirms->published) fail("a confirm of an unknown message");
    for (uint64_t each = is_multiple ? confirms->settled + 1 : tag; each <= tag; each++) {
        bool *is_confirmed = &confirms->is_confirmed[each % CONFIRM_SPAN];
        if (*is_confirmed && !is_multiple) fail("a message was confirmed twice");
        if (!*is_confirmed) confirms->outstanding--;
        *is_confirmed = true;
    }
    while (confirms->settled < confirms->published && confirms->is_confirmed[(confirms->settled + 1) % CONFIRM_SPAN]) {
        confirms->settled++;
        confirms->is_confirmed[confirms->settled % CONFIRM_SPAN] = false;
    }
}

void confirms_collect(Confirms *confirms, Reader *reader) {
    Frame frame;
    while (reader_next(reader, &frame)) {
        if (frame.type != FRAME_METHOD || take_method(&frame.payload) != BASIC_ACK) fail("not a confirm");
        uint64_t tag = take_64(&frame.payload);
        confirm(confirms, tag, take_8(&frame.payload) & 1);
    }
}
