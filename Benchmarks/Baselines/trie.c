// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
//   trie --patterns 1000 --seconds 3
//
// Looks up topics among AMQP topic patterns, which trie_keys.h describes. Each lookup splits the text of the topic and
// collects the distinct targets of all patterns that match. Words are interned, a child is found with one access to a hash
// table over (node, word), and the children for `*` and `#` are stored in the node.

#include "measure.h"
#include "trie_keys.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t star;
    uint32_t hash;
    /// The start and the number of its targets.
    uint32_t first_target;
    uint32_t target_count;
    /// The last step that reached the node; only used for `#` nodes, which can be reached in two ways.
    uint64_t reached;
    /// Whether the word that leads here is `#`, so that the node keeps matching further words.
    uint32_t is_hash;
    uint32_t has_edges;
} Node;

typedef struct {
    uint32_t node;
    /// 0 in a free slot.
    uint32_t word;
    uint32_t child;
} Edge;

typedef struct {
    uint32_t id;
    uint8_t length;
    char text[LONGEST_KEY - 5];
} Word;

typedef struct {
    Node *nodes;
    uint32_t node_count;
    Edge *edges;
    uint32_t edge_mask;
    Word *words;
    uint32_t word_mask;
    uint32_t word_count;
    uint32_t *targets;
    /// For each target, the last lookup that found it.
    uint32_t *found_in;
    uint32_t lookup;
    uint64_t step;
    /// The nodes reached so far and those reached by the next word.
    uint32_t *states;
    uint32_t *next_states;
    uint32_t *result;
} Trie;

// --- Words and edges

static inline uint32_t word_hash(const char *text, size_t length) {
    uint64_t hash = length;
    for (; length >= 8; text += 8, length -= 8) {
        uint64_t part;
        memcpy(&part, text, 8);
        hash = (hash ^ part) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    uint64_t part = 0;
    for (size_t i = 0; i < length; i++) part = part << 8 | (uint8_t)text[i];
    hash = (hash ^ part) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(hash >> 32);
}

/// The slot of a word, or the free slot for it.
static inline Word *word_place(const Trie *trie, const char *text, size_t length) {
    for (uint32_t i = word_hash(text, length);; i++) {
        Word *word = &trie->words[i & trie->word_mask];
        if (word->id == 0 || (word->length == length && memcmp(word->text, text, length) == 0)) return word;
    }
}

static inline uint32_t edge_hash(uint32_t node, uint32_t word) {
    return (uint32_t)(((uint64_t)node << 32 | word) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

static inline Edge *edge_place(const Trie *trie, uint32_t node, uint32_t word) {
    for (uint32_t i = edge_hash(node, word);; i++) {
        Edge *edge = &trie->edges[i & trie->edge_mask];
        if (edge->word == 0 || (edge->node == node && edge->word == word)) return edge;
    }
}

// --- Building

/// Returns the node of a pattern.
static uint32_t insert(Trie *trie, const Key *pattern) {
    uint32_t node = 0;
    for (const char *text = pattern->text, *end = text + pattern->length; text <= end;) {
        const char *dot = memchr(text, '.', (size_t)(end - text));
        size_t length = (size_t)((dot ? dot : end) - text);
        uint32_t *child;
        if (length == 1 && (*text == '*' || *text == '#')) {
            child = *text == '*' ? &trie->nodes[node].star : &trie->nodes[node].hash;
        } else {
            Word *word = word_place(trie, text, length);
            if (word->id == 0) {
                if (length > sizeof word->text) fail("a word is too long");
                word->id = ++trie->word_count;
                word->length = (uint8_t)length;
                memcpy(word->text, text, length);
            }
            Edge *edge = edge_place(trie, node, word->id);
            edge->node = node;
            edge->word = word->id;
            child = &edge->child;
            trie->nodes[node].has_edges = 1;
        }
        if (*child == 0) {
            *child = trie->node_count++;
            trie->nodes[*child].is_hash = length == 1 && *text == '#';
        }
        node = *child;
        text += length + 1;
    }
    return node;
}

static uint32_t power_of_two(size_t above) {
    uint32_t size = 16;
    while (size < above) size *= 2;
    return size;
}

/// Moves the edges to a table of minimal size, because most of the time is spent waiting for memory.
static void shrink_edges(Trie *trie) {
    Trie old = *trie;
    size_t count = 0;
    for (size_t i = 0; i <= old.edge_mask; i++) count += old.edges[i].word != 0;
    trie->edge_mask = power_of_two(2 * count) - 1;
    trie->edges = allocate((size_t)trie->edge_mask + 1, sizeof *trie->edges);
    for (size_t i = 0; i <= old.edge_mask; i++) {
        if (old.edges[i].word != 0) *edge_place(trie, old.edges[i].node, old.edges[i].word) = old.edges[i];
    }
    free(old.edges);
}

static Trie build(const Keys *keys) {
    // Each word of a pattern adds at most one node; tables are at most half full.
    size_t most = keys->pattern_count * 3 + 1;
    Trie trie = {.node_count = 1};
    trie.nodes = allocate(most, sizeof *trie.nodes);
    trie.edge_mask = power_of_two(2 * most) - 1;
    trie.edges = allocate((size_t)trie.edge_mask + 1, sizeof *trie.edges);
    trie.word_mask = power_of_two(2 * 1000) - 1;
    trie.words = allocate((size_t)trie.word_mask + 1, sizeof *trie.words);
    trie.targets = allocate(keys->pattern_count, sizeof *trie.targets);
    trie.found_in = allocate(keys->pattern_count, sizeof *trie.found_in);
    trie.states = allocate(most, sizeof *trie.states);
    trie.next_states = allocate(most, sizeof *trie.next_states);
    // One more, because a target is written before it is known to be new.
    trie.result = allocate(keys->pattern_count + 1, sizeof *trie.result);

    // The targets of a node are adjacent.
    uint32_t *nodes = allocate(keys->pattern_count, sizeof *nodes);
    for (size_t i = 0; i < keys->pattern_count; i++) {
        nodes[i] = insert(&trie, &keys->patterns[i]);
        trie.nodes[nodes[i]].target_count++;
    }
    shrink_edges(&trie);
    uint32_t first = 0;
    for (uint32_t i = 0; i < trie.node_count; i++) {
        trie.nodes[i].first_target = first;
        first += trie.nodes[i].target_count;
        trie.nodes[i].target_count = 0;
    }
    for (size_t i = 0; i < keys->pattern_count; i++) {
        Node *node = &trie.nodes[nodes[i]];
        trie.targets[node->first_target + node->target_count++] = (uint32_t)i;
    }
    free(nodes);
    return trie;
}

// --- Looking up

/// Adds a node and all `#` nodes that follow it, because `#` also matches zero words.
static inline uint32_t add_closure(Trie *trie, uint32_t *states, uint32_t count, uint32_t node) {
    states[count++] = node;
    for (uint32_t hash = trie->nodes[node].hash; hash != 0; hash = trie->nodes[hash].hash) {
        if (trie->nodes[hash].reached == trie->step) break;
        trie->nodes[hash].reached = trie->step;
        states[count++] = hash;
    }
    return count;
}

/// Writes the targets of a topic to `result`, each once; returns how many there are.
static uint32_t lookup(Trie *trie, const char *text, size_t text_length) {
    trie->lookup++;
    trie->step++;
    uint32_t count = add_closure(trie, trie->states, 0, 0);
    for (const char *end = text + text_length; text <= end && count > 0;) {
        const char *word_end = text;
        while (word_end < end && *word_end != '.') word_end++;
        // A word that occurs in no pattern is 0 and has no edge.
        uint32_t word = word_place(trie, text, (size_t)(word_end - text))->id;
        uint32_t next = 0;
        trie->step++;
        // The nodes that stay come first, so that the closures below find them.
        for (uint32_t i = 0; i < count; i++) {
            Node *node = &trie->nodes[trie->states[i]];
            // The edge is needed soon and is unlikely to be cached.
            __builtin_prefetch(&trie->edges[edge_hash(trie->states[i], word) & trie->edge_mask]);
            if (!node->is_hash || node->reached == trie->step) continue;
            node->reached = trie->step;
            next = add_closure(trie, trie->next_states, next, trie->states[i]);
        }
        for (uint32_t i = 0; i < count; i++) {
            uint32_t state = trie->states[i];
            if (word != 0 && trie->nodes[state].has_edges) {
                const Edge *edge = edge_place(trie, state, word);
                if (edge->word != 0) next = add_closure(trie, trie->next_states, next, edge->child);
            }
            if (trie->nodes[state].star != 0) {
                next = add_closure(trie, trie->next_states, next, trie->nodes[state].star);
            }
        }
        uint32_t *swapped = trie->states;
        trie->states = trie->next_states;
        trie->next_states = swapped;
        count = next;
        text = word_end + 1;
    }
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        const Node *node = &trie->nodes[trie->states[i]];
        for (uint32_t j = 0; j < node->target_count; j++) {
            uint32_t target = trie->targets[node->first_target + j];
            trie->result[found] = target;
            found += trie->found_in[target] != trie->lookup;
            trie->found_in[target] = trie->lookup;
        }
    }
    return found;
}

// --- The program

/// Compares lookups with the slow matcher.
static void check(Trie *trie, const Keys *keys, size_t topics) {
    for (size_t i = 0; i < topics; i++) {
        const Key *topic = &keys->topics[i];
        uint32_t found = lookup(trie, topic->text, topic->length), expected = 0;
        for (size_t j = 0; j < keys->pattern_count; j++) expected += (uint32_t)key_matches(&keys->patterns[j], topic);
        int is_right = found == expected;
        for (uint32_t j = 0; j < found; j++) is_right &= key_matches(&keys->patterns[trie->result[j]], topic);
        if (!is_right) fail("%.*s: found %u, expected %u", topic->length, topic->text, found, expected);
    }
}

static void check_keys(const Keys *keys, uint64_t hits) {
    static const struct {
        size_t pattern_count;
        uint64_t digest, hits;
    } known[] = {
        {1000, UINT64_C(0x6A380BF274740A54), 159002},
        {100000, UINT64_C(0x91DEB5127E22257A), 5941294},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].pattern_count != keys->pattern_count) continue;
        if (known[i].digest != keys->digest || known[i].hits != hits) {
            fail("not the keys of trie_keys.h: digest %llx, %llu hits", (unsigned long long)keys->digest,
                (unsigned long long)hits);
        }
    }
}

int main(int count, char **values) {
    static const char *const names[] = {"patterns", "seconds", NULL};
    Arguments arguments = arguments_read(count - 1, values + 1, names);
    long patterns = argument_number(arguments, "patterns", 0);
    if (patterns > 1000000) fail("--patterns is at most 1000000");
    long limit = argument_number(arguments, "seconds", 3);
    if (limit > 60) fail("--seconds is at most 60: lookups are counted with 32 bits");
    double seconds = (double)limit;

    Keys keys = keys_make((size_t)patterns);
    Trie trie = build(&keys);
    check(&trie, &keys, patterns <= 1000 ? 2000 : 50);
    uint64_t hits = 0;
    for (size_t i = 0; i < TOPIC_COUNT; i++) hits += lookup(&trie, keys.topics[i].text, keys.topics[i].length);
    check_keys(&keys, hits);

    uint64_t found = 0, expected = 0;
    long operations = 0;
    Measurement measurement = measurement_start();
    while (now() - measurement.wall < seconds) {
        // Checking the clock once per pass over all topics would be too coarse.
        for (int i = 0; i < 1000; i++) {
            const Key *topic = &keys.topics[operations++ % TOPIC_COUNT];
            found += lookup(&trie, topic->text, topic->length);
        }
    }
    measurement_stop(&measurement);
    expected = hits * (uint64_t)(operations / TOPIC_COUNT);
    for (size_t i = 0; i < (size_t)(operations % TOPIC_COUNT); i++) {
        expected += lookup(&trie, keys.topics[i].text, keys.topics[i].length);
    }
    if (found != expected) fail("found %llu targets instead of %llu", (unsigned long long)found,
        (unsigned long long)expected);
    measurement_print(&measurement, operations, NULL, 0);
    return 0;
}
