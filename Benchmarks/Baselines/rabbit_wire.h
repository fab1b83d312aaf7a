// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// AMQP 0-9-1 frames, written and read by hand on a blocking socket.

#ifndef RABBIT_WIRE_H
#define RABBIT_WIRE_H

#include "rabbit.h"

#include <string.h>

enum {
    FRAME_METHOD = 1,
    FRAME_HEADER = 2,
    FRAME_BODY = 3,
    FRAME_HEARTBEAT = 8,
    FRAME_END = 0xCE,
};

/// The class and method numbers, combined.
enum {
    CONNECTION_CLOSE = 10 << 16 | 50,
    CHANNEL_CLOSE = 20 << 16 | 40,
    CHANNEL_CLOSE_OK = 20 << 16 | 41,
    BASIC_CONSUME = 60 << 16 | 20,
    BASIC_CONSUME_OK = 60 << 16 | 21,
    BASIC_PUBLISH = 60 << 16 | 40,
    BASIC_RETURN = 60 << 16 | 50,
    BASIC_DELIVER = 60 << 16 | 60,
    BASIC_ACK = 60 << 16 | 80,
    BASIC_NACK = 60 << 16 | 120,
};

// --- Writing: each function writes at `p` and returns the end of what it has written

static inline uint8_t *put_8(uint8_t *p, uint8_t value) {
    *p = value;
    return p + 1;
}

static inline uint8_t *put_16(uint8_t *p, uint16_t value) {
    value = __builtin_bswap16(value);
    memcpy(p, &value, 2);
    return p + 2;
}

static inline uint8_t *put_32(uint8_t *p, uint32_t value) {
    value = __builtin_bswap32(value);
    memcpy(p, &value, 4);
    return p + 4;
}

static inline uint8_t *put_64(uint8_t *p, uint64_t value) {
    value = __builtin_bswap64(value);
    memcpy(p, &value, 8);
    return p + 8;
}

static inline uint8_t *put_bytes(uint8_t *p, const void *bytes, size_t length) {
    memcpy(p, bytes, length);
    return p + length;
}

/// Text with a one-octet length.
static inline uint8_t *put_text(uint8_t *p, const char *text, size_t length) {
    return put_bytes(put_8(p, (uint8_t)length), text, length);
}

static inline uint8_t *frame_begin(uint8_t *p, uint8_t type) { return put_32(put_16(put_8(p, type), CHANNEL), 0); }

static inline uint8_t *frame_finish(uint8_t *p, uint8_t *start) {
    put_32(start + 3, (uint32_t)(p - start - 7));
    return put_8(p, FRAME_END);
}

/// The properties that all messages of a run share.
typedef struct {
    const char *routing_key;
    size_t routing_key_length;
    bool has_all_properties;
    uint64_t time;
    char time_text[32];
    size_t time_length;
    uint8_t body[BODY_LENGTH];
} MessageKind;

enum { LARGEST_MESSAGE = 2048 };

/// `routing_key` must outlive the result.
MessageKind message_kind(const char *routing_key, bool has_all_properties);
/// Writes the three frames of one mandatory, persistent message.
uint8_t *put_message(uint8_t *p, const MessageKind *kind, Id id);
uint8_t *put_ack(uint8_t *p, uint64_t tag, bool is_multiple);
uint8_t *put_consume(uint8_t *p, const char *queue);
uint8_t *put_channel_close(uint8_t *p);
/// Sends all bytes.
void send_all(int socket, const uint8_t *bytes, size_t length);

// --- Reading

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} Cursor;

typedef struct {
    const uint8_t *bytes;
    size_t length;
} Span;

/// Ends the program if fewer bytes are left.
static inline const uint8_t *take(Cursor *cursor, size_t length) {
    if ((size_t)(cursor->end - cursor->at) < length) fail("a frame is too short");
    const uint8_t *start = cursor->at;
    cursor->at += length;
    return start;
}

static inline uint8_t take_8(Cursor *cursor) { return *take(cursor, 1); }

static inline uint16_t take_16(Cursor *cursor) {
    uint16_t value;
    memcpy(&value, take(cursor, 2), 2);
    return __builtin_bswap16(value);
}

static inline uint32_t take_32(Cursor *cursor) {
    uint32_t value;
    memcpy(&value, take(cursor, 4), 4);
    return __builtin_bswap32(value);
}

static inline uint64_t take_64(Cursor *cursor) {
    uint64_t value;
    memcpy(&value, take(cursor, 8), 8);
    return __builtin_bswap64(value);
}

static inline Span take_text(Cursor *cursor) {
    size_t length = take_8(cursor);
    return (Span){take(cursor, length), length};
}

static inline Span take_long_text(Cursor *cursor) {
    size_t length = take_32(cursor);
    return (Span){take(cursor, length), length};
}

typedef struct {
    uint8_t type;
    /// Valid until the next read.
    Cursor payload;
} Frame;

typedef struct {
    int socket;
    size_t start;
    size_t end;
    uint8_t bytes[512 * 1024];
} Reader;

Reader *reader_new(int socket);
/// Reads once, as much as is available. With `waits`, ends the program if nothing arrives for 15 s; otherwise returns false
/// if nothing is available.
bool reader_read(Reader *reader, bool waits);
/// The next complete frame that was read.
bool reader_next(Reader *reader, Frame *frame);
/// The number of a method frame. Ends the program if the broker closes something, or returns or refuses a message.
uint32_t take_method(Cursor *payload);
/// Closes the channel of a consumer and waits until the broker has processed everything sent on it.
void channel_close(Reader *reader);

// --- Confirms

enum { CONFIRM_SPAN = 1 << 16 };

/// The messages that the broker has confirmed; tags start at 1.
typedef struct {
    uint64_t published;
    /// All tags up to this one are confirmed.
    uint64_t settled;
    uint64_t outstanding;
    bool is_confirmed[CONFIRM_SPAN];
} Confirms;

/// Records all confirms that were read.
void confirms_collect(Confirms *confirms, Reader *reader);

#endif
