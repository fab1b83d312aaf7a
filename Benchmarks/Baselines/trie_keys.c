// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#include "trie_keys.h"

#include "measure.h"

#include <stdio.h>
#include <string.h>

static const char *const names[3] = {"area", "kind", "event"};

typedef struct {
    uint64_t random;
    uint32_t sizes[3];
    uint64_t digest;
} Generator;

static void append(Key *key, const char *text) {
    size_t length = strlen(text);
    if (key->length + length > sizeof key->text) fail("a key is too long");
    memcpy(key->text + key->length, text, length);
    key->length = (uint8_t)(key->length + length);
}

static void append_word(Generator *generator, Key *key, int position) {
    char word[24];
    snprintf(word, sizeof word, "%s%u", names[position], random_below(&generator->random, generator->sizes[position]));
    append(key, word);
}

static void make(Generator *generator, Key *key, int has_wildcards) {
    for (int position = 0; position < 3; position++) {
        if (position > 0) append(key, ".");
        uint32_t chance = 100;
        if (has_wildcards && position > 0) chance = random_below(&generator->random, 100);
        if (chance < 10) {
            append(key, "*");
        } else if (chance < 17) {
            append(key, "#");
        } else {
            append_word(generator, key, position);
        }
    }
    for (size_t i = 0; i <= key->length; i++) {
        generator->digest ^= (uint8_t)(i < key->length ? key->text[i] : '\n');
        generator->digest *= UINT64_C(0x100000001B3);
    }
}

Keys keys_make(size_t pattern_count) {
    Generator generator = {.random = UINT64_C(0x9E3779B97F4A7C15), .digest = UINT64_C(0xCBF29CE484222325)};
    static const uint32_t small[3] = {20, 50, 200}, large[3] = {50, 200, 500};
    memcpy(generator.sizes, pattern_count <= 1000 ? small : large, sizeof small);
    Keys keys = {.pattern_count = pattern_count};
    keys.patterns = allocate(pattern_count, sizeof *keys.patterns);
    keys.topics = allocate(TOPIC_COUNT, sizeof *keys.topics);
    for (size_t i = 0; i < pattern_count; i++) make(&generator, &keys.patterns[i], 1);
    for (size_t i = 0; i < TOPIC_COUNT; i++) make(&generator, &keys.topics[i], 0);
    keys.digest = generator.digest;
    return keys;
}

static int match(const char *pattern, const char *pattern_end, const char *topic, const char *topic_end) {
    // Both begin at a word; a position past the end means that no word is left.
    if (pattern > pattern_end) return topic > topic_end;
    const char *dot = memchr(pattern, '.', (size_t)(pattern_end - pattern));
    const char *word_end = dot ? dot : pattern_end;
    size_t length = (size_t)(word_end - pattern);
    int is_hash = length == 1 && *pattern == '#', is_star = length == 1 && *pattern == '*';
    if (is_hash && match(word_end + 1, pattern_end, topic, topic_end)) return 1;
    if (topic > topic_end) return 0;
    const char *topic_dot = memchr(topic, '.', (size_t)(topic_end - topic));
    const char *topic_word_end = topic_dot ? topic_dot : topic_end;
    if (is_hash) return match(pattern, pattern_end, topic_word_end + 1, topic_end);
    size_t topic_length = (size_t)(topic_word_end - topic);
    if (!is_star && (length != topic_length || memcmp(pattern, topic, length) != 0)) return 0;
    return match(word_end + 1, pattern_end, topic_word_end + 1, topic_end);
}

int key_matches(const Key *pattern, const Key *topic) {
    return match(pattern->text, pattern->text + pattern->length, topic->text, topic->text + topic->length);
}
