// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// The patterns and topics of the topic benchmarks. The Swift program generates the same ones by these rules:
//
//  1. One generator for everything: xorshift64*, initial state 0x9E3779B97F4A7C15. next(): x ^= x >> 12;
//     x ^= x << 25; x ^= x >> 27; the state is x, the result x * 0x2545F4914F6CDD1D modulo 2^64.
//     below(n) = ((next() >> 32) * n) >> 32.
//  2. Words: position 0 has "area0", "area1", …, position 1 "kind0", …, position 2 "event0", …; how many there are
//     is 20, 50 and 200 for up to 1,000 patterns, and 50, 200 and 500 for more.
//     word(position) = the name of the position followed by below(size of the position) in decimal.
//  3. Patterns, one after the other, pattern i has the target i: three words joined by ".". The first one is word(0).
//     For positions 1 and 2: chance = below(100); chance < 10 gives "*", chance < 17 gives "#", else word(position).
//     Patterns may repeat.
//  4. Then 100,000 topics: word(0) "." word(1) "." word(2). Topics may repeat.
//  5. Digest: FNV-1a with 64 bits over all patterns, then all topics, each followed by "\n" (state 0xCBF29CE484222325;
//     for each byte: state ^= byte; state *= 0x100000001B3). It is 0x6A380BF274740A54 for 1,000 patterns and
//     0x91DEB5127E22257A for 100,000; all lookups together find 159,002 and 5,941,294 targets.

#ifndef TRIE_KEYS_H
#define TRIE_KEYS_H

#include <stddef.h>
#include <stdint.h>

enum { TOPIC_COUNT = 100000, LONGEST_KEY = 32 };

/// A pattern or a topic.
typedef struct {
    uint8_t length;
    char text[LONGEST_KEY - 1];
} Key;

typedef struct {
    size_t pattern_count;
    Key *patterns;
    Key *topics;
    uint64_t digest;
} Keys;

Keys keys_make(size_t pattern_count);
/// Whether a pattern matches a topic, by a simple and slow algorithm.
int key_matches(const Key *pattern, const Key *topic);

#endif
