// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#include "rabbit_message.h"

/// Reads a value of a table, including everything nested in it.
static void take_value(Cursor *cursor, Field *field, int depth) {
    if (depth > DEEPEST_TABLE) fail("headers are nested too deeply");
    field->type = take_8(cursor);
    size_t length;
    switch (field->type) {
    case 'V': length = 0; break;
    case 't': case 'b': case 'B': length = 1; break;
    case 's': case 'u': length = 2; break;
    case 'I': case 'i': case 'f': length = 4; break;
    case 'D': length = 5; break;
    case 'l': case 'L': case 'd': case 'T': length = 8; break;
    case 'S': case 'x': case 'F': case 'A': length = take_32(cursor); break;
    default: fail("a header of the unknown type %u", field->type);
    }
    field->value = (Span){take(cursor, length), length};
    if (field->type != 'F' && field->type != 'A') return;
    Cursor nested = {field->value.bytes, field->value.bytes + length};
    while (nested.at < nested.end) {
        Field inner;
        if (field->type == 'F') inner.name = take_text(&nested);
        take_value(&nested, &inner, depth + 1);
    }
}

static void take_table(Cursor *cursor, Message *message) {
    Span table = take_long_text(cursor);
    Cursor fields = {table.bytes, table.bytes + table.length};
    while (fields.at < fields.end) {
        if (message->field_count == MOST_HEADERS) fail("too many headers");
        Field *field = &message->fields[message->field_count++];
        field->name = take_text(&fields);
        take_value(&fields, field, 0);
    }
}

static void take_properties(Message *message, Cursor payload) {
    size_t length = (size_t)(payload.end - payload.at);
    if (length > LARGEST_HEADER) fail("a header frame of %zu bytes", length);
    // The reader's memory is reused before the body is complete.
    memcpy(message->header, payload.at, length);
    Cursor cursor = {message->header, message->header + length};
    if (take_32(&cursor) != 60 << 16) fail("a header of another class");
    message->body_length = take_64(&cursor);
    message->body_filled = 0;
    if (message->body_length > LARGEST_BODY) fail("a body of %zu bytes", message->body_length);
    unsigned flags = take_16(&cursor);
    message->field_count = 0;
    message->delivery_mode = 0;
    message->timestamp = 0;
    message->content_type = message->message_id = message->type = message->application = (Span){NULL, 0};
    if (flags & 1 << 15) message->content_type = take_text(&cursor);
    if (flags & 1 << 14) take_text(&cursor);  // content encoding
    if (flags & 1 << 13) take_table(&cursor, message);
    if (flags & 1 << 12) message->delivery_mode = take_8(&cursor);
    if (flags & 1 << 11) take_8(&cursor);     // priority
    if (flags & 1 << 10) take_text(&cursor);  // correlation id
    if (flags & 1 << 9) take_text(&cursor);   // reply to
    if (flags & 1 << 8) take_text(&cursor);   // expiration
    if (flags & 1 << 7) message->message_id = take_text(&cursor);
    if (flags & 1 << 6) message->timestamp = take_64(&cursor);
    if (flags & 1 << 5) message->type = take_text(&cursor);
    if (flags & 1 << 4) take_text(&cursor);   // user id
    if (flags & 1 << 3) message->application = take_text(&cursor);
}

bool message_take(Message *message, Frame *frame) {
    Cursor *payload = &frame->payload;
    switch (frame->type) {
    case FRAME_METHOD:
        if (take_method(payload) != BASIC_DELIVER) fail("not a delivery");
        take_text(payload);  // consumer tag
        message->tag = take_64(payload);
        message->is_redelivered = take_8(payload) & 1;
        take_text(payload);  // exchange
        take_text(payload);  // routing key
        return false;
    case FRAME_HEADER:
        take_properties(message, *payload);
        return message->body_length == 0;
    case FRAME_BODY: {
        size_t length = (size_t)(payload->end - payload->at);
        if (length > message->body_length - message->body_filled) fail("a body is too long");
        memcpy(message->body + message->body_filled, payload->at, length);
        message->body_filled += length;
        return message->body_filled == message->body_length;
    }
    default: fail("a frame of the unknown type %u", frame->type);
    }
}

const Field *message_field(const Message *message, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < message->field_count; i++) {
        const Field *field = &message->fields[i];
        if (field->name.length == length && memcmp(field->name.bytes, name, length) == 0) return field;
    }
    return NULL;
}

void message_check(const Message *message, bool has_all_properties) {
    if (message->delivery_mode != 2 || message->content_type.length == 0) fail("a message without its properties");
    if (message->message_id.length != ID_TEXT_LENGTH) fail("a message without an id");
    if (message->body_length != BODY_LENGTH || memcmp(message->body, "{\"text\":\"", 9) != 0) fail("not the body");
    if (!has_all_properties) {
        if (message->field_count != 0) fail("a bare message has headers");
        return;
    }
    if (message->type.length == 0 || message->application.length == 0 || message->timestamp == 0) {
        fail("a message without its type, source or time");
    }
    static const char *const texts[] = {
        "cloudEvents_specversion", "cloudEvents_id", "cloudEvents_type", "cloudEvents_source", "cloudEvents_time",
        "x-ordering-key",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const Field *field = message_field(message, texts[i]);
        if (!field || field->type != 'S' || field->value.length == 0) fail("a message without %s", texts[i]);
    }
    if (message_field(message, "x-event-version")) fail("a message of another version");
}
