// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension OutboxRows {
    /// Which rows to publish next, at a cost that doesn't depend on how many wait.
    ///
    /// Topics are found by skipping through an index, and held ones left out. Of rows without an ordering key the oldest of
    /// each topic are taken. Rows with one are looked at up to a window, oldest first, and count only if no older row has
    /// their key, until there are enough. When the window is full and yet too few are eligible, few keys have very many rows. Then the heads of some
    /// keys are taken directly, walking over the keys from where the last walk ended, so that rows of other keys aren't
    /// stuck behind such a key.
    ///
    /// $1 limit, $2 held topics, $3 held rows, $4 key after which to walk, $5 window. There is always one row at least,
    /// maybe with nothing but the last key of the walk.
    static func next(_ table: String, list: String) -> String {
        """
        WITH RECURSIVE plain_topics AS (
            \(Self.firstTopic(table, "NULL"))
            UNION ALL
            SELECT (\(Self.nextTopic(table, "NULL"))) FROM plain_topics t WHERE t.topic IS NOT NULL
        ), keyed_topics AS (
            \(Self.firstTopic(table, "NOT NULL"))
            UNION ALL
            SELECT (\(Self.nextTopic(table, "NOT NULL"))) FROM keyed_topics t WHERE t.topic IS NOT NULL
        ), plain AS MATERIALIZED (
            SELECT s.id FROM plain_topics t CROSS JOIN LATERAL (
                SELECT o.id FROM \(table) o
                WHERE o.topic = t.topic AND o.ordering_key IS NULL AND o.id <> ALL($3) ORDER BY o.id LIMIT $1
            ) s
            WHERE t.topic IS NOT NULL AND t.topic <> ALL($2)
        ), scanned AS MATERIALIZED (
            SELECT s.id, s.ordering_key FROM keyed_topics t CROSS JOIN LATERAL (
                SELECT o.id, o.ordering_key FROM \(table) o
                WHERE o.topic = t.topic AND o.ordering_key IS NOT NULL ORDER BY o.id LIMIT $5
            ) s
            WHERE t.topic IS NOT NULL AND t.topic <> ALL($2)
            ORDER BY s.id LIMIT $5
        ), keyed AS MATERIALIZED (
            SELECT s.id FROM scanned s
            WHERE s.id <> ALL($3) AND NOT EXISTS (
                SELECT 1 FROM \(table) e WHERE e.ordering_key = s.ordering_key AND e.id < s.id
            ) LIMIT $1
        ), walked AS (
            (SELECT o.ordering_key, o.id, o.topic, 1::bigint AS step FROM \(table) o
            WHERE o.ordering_key > $4
                AND (SELECT count(*) FROM keyed) < $1 AND (SELECT count(*) FROM scanned) >= $5
            ORDER BY o.ordering_key, o.id LIMIT 1)
            UNION ALL
            SELECT n.ordering_key, n.id, n.topic, w.step + 1 FROM walked w CROSS JOIN LATERAL (
                SELECT o.ordering_key, o.id, o.topic FROM \(table) o
                WHERE o.ordering_key > w.ordering_key ORDER BY o.ordering_key, o.id LIMIT 1
            ) n
            WHERE w.step < $1
        ), chosen AS MATERIALIZED (
            SELECT c.id FROM (
                SELECT id FROM plain
                UNION
                SELECT id FROM keyed
                UNION
                SELECT id FROM walked WHERE topic <> ALL($2) AND id <> ALL($3)
            ) c ORDER BY c.id LIMIT $1
        )
        SELECT (SELECT max(ordering_key) FROM walked), o.id, \(list)
        FROM (SELECT 1) AS once LEFT JOIN (chosen c JOIN \(table) o ON o.id = c.id) ON true ORDER BY o.id
        """
    }

    private static func firstTopic(_ table: String, _ key: String) -> String {
        "(SELECT topic FROM \(table) WHERE ordering_key IS \(key) ORDER BY topic LIMIT 1)"
    }

    private static func nextTopic(_ table: String, _ key: String) -> String {
        "SELECT o.topic FROM \(table) o WHERE o.ordering_key IS \(key) AND o.topic > t.topic ORDER BY o.topic LIMIT 1"
    }
}
