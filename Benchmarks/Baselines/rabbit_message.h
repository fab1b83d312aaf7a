// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// A received message, which owns its memory.

#ifndef RABBIT_MESSAGE_H
#define RABBIT_MESSAGE_H

#include "rabbit_wire.h"

enum { MOST_HEADERS = 64, LARGEST_HEADER = 8192, LARGEST_BODY = 65536, DEEPEST_TABLE = 32 };

/// A field of the header table. `value` is the content of text and bytes, the encoded fields of a table or array, and
/// otherwise the encoded value.
typedef struct {
    Span name;
    uint8_t type;
    Span value;
} Field;

typedef struct {
    uint64_t tag;
    bool is_redelivered;
    Span content_type, message_id, type, application;
    uint8_t delivery_mode;
    uint64_t timestamp;
    size_t field_count;
    Field fields[MOST_HEADERS];
    size_t body_length;
    /// How much of the body has arrived.
    size_t body_filled;
    uint8_t header[LARGEST_HEADER];
    uint8_t body[LARGEST_BODY];
} Message;

/// Processes the frames of a delivery one by one; returns true when the message is complete.
bool message_take(Message *message, Frame *frame);
/// The field with this name, or NULL.
const Field *message_field(const Message *message, const char *name);
/// Ends the program if the message differs from what the publisher wrote.
void message_check(const Message *message, bool has_all_properties);

#endif
