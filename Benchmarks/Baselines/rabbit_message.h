// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// A message that has come, with memory of its own.

#ifndef RABBIT_MESSAGE_H
#define RABBIT_MESSAGE_H

#include "rabbit_wire.h"

enum { MOST_HEADERS = 64, LARGEST_HEADER = 8192, LARGEST_BODY = 65536, DEEPEST_TABLE = 32 };

/// A field of the header table; for text and bytes `value` is what they hold, for tables and arrays the encoded fields,
/// for all others the encoded value.
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
    /// How much of the body has come.
    size_t body_filled;
    uint8_t header[LARGEST_HEADER];
    uint8_t body[LARGEST_BODY];
} Message;

/// Takes the frames of a delivery one by one; returns true when the message is whole.
bool message_take(Message *message, Frame *frame);
/// The field of this name, or NULL.
const Field *message_field(const Message *message, const char *name);
/// Ends the program when it is not what the publisher has written.
void message_check(const Message *message, bool has_all_properties);

#endif
