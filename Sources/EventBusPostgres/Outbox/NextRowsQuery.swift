// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The query for the rows to publish next.
///
/// Its cost must not depend on the number of waiting rows. Therefore each part reads an index from its start and stops
/// after a fixed number of rows, and the parts are materialized so that the planner cannot merge them into a scan of
/// the table.
///
/// Parameters: `$1` limit, `$2` held topics, `$3` held rows, `$4` ordering key after which the walk begins, `$5`
/// window.
struct NextRowsQuery {
    let table: String
    /// The columns to return, qualified with `o`.
    let columns: String

    /// The walk's last key, the id and the columns of each row to publish, in order of id.
    ///
    /// If there is nothing to publish, one row contains only the walk's last key.
    var text: String {
        """
        WITH RECURSIVE plain_topics AS (
            \(self.topics("NULL", from: "plain_topics"))
        ), keyed_topics AS (
            \(self.topics("NOT NULL", from: "keyed_topics"))
        ), plain AS MATERIALIZED (
            \(self.plain)
        ), scanned AS MATERIALIZED (
            \(self.scanned)
        ), keyed AS MATERIALIZED (
            \(self.keyed)
        ), walked AS (
            \(self.walked)
        ), chosen AS MATERIALIZED (
            \(self.chosen)
        )
        SELECT (SELECT max(ordering_key) FROM walked), o.id, \(self.columns)
        FROM (SELECT 1) AS once LEFT JOIN (chosen c JOIN \(self.table) o ON o.id = c.id) ON true ORDER BY o.id
        """
    }

    /// All topics of rows without or with an ordering key.
    ///
    /// Each step jumps to the next topic in the index, which is cheap as topics are few. `DISTINCT` would read every
    /// row.
    private func topics(_ key: String, from steps: String) -> String {
        """
        (SELECT topic FROM \(self.table) WHERE ordering_key IS \(key) ORDER BY topic LIMIT 1)
        UNION ALL
        SELECT (
            SELECT o.topic FROM \(self.table) o WHERE o.ordering_key IS \(key) AND o.topic > t.topic
            ORDER BY o.topic LIMIT 1
        ) FROM \(steps) t WHERE t.topic IS NOT NULL
        """
    }

    /// Rows without an ordering key: the oldest ones of each topic that is not held.
    private var plain: String {
        """
        SELECT s.id FROM plain_topics t CROSS JOIN LATERAL (
            SELECT o.id FROM \(self.table) o
            WHERE o.topic = t.topic AND o.ordering_key IS NULL AND o.id <> ALL($3) ORDER BY o.id LIMIT $1
        ) s
        WHERE t.topic IS NOT NULL AND t.topic <> ALL($2)
        """
    }

    /// Rows with an ordering key: a window of the oldest ones, held rows included.
    private var scanned: String {
        """
        SELECT s.id, s.ordering_key FROM keyed_topics t CROSS JOIN LATERAL (
            SELECT o.id, o.ordering_key FROM \(self.table) o
            WHERE o.topic = t.topic AND o.ordering_key IS NOT NULL ORDER BY o.id LIMIT $5
        ) s
        WHERE t.topic IS NOT NULL AND t.topic <> ALL($2)
        ORDER BY s.id LIMIT $5
        """
    }

    /// The rows of the window that may be published: no row of any topic with the same key is older.
    private var keyed: String {
        """
        SELECT s.id FROM scanned s
        WHERE s.id <> ALL($3) AND NOT EXISTS (
            SELECT 1 FROM \(self.table) e WHERE e.ordering_key = s.ordering_key AND e.id < s.id
        ) LIMIT $1
        """
    }

    /// The oldest row of each of the next keys in alphabetical order, beginning after `$4`.
    ///
    /// If a few keys have very many rows, these fill the window and hide the rows of all other keys. Only then, when
    /// the window is full but has too few rows to publish, the walk finds those by their keys. Each query continues
    /// where the last one ended, so that every key has its turn.
    private var walked: String {
        """
        (SELECT o.ordering_key, o.id, o.topic, 1::bigint AS step FROM \(self.table) o
        WHERE o.ordering_key > $4
            AND (SELECT count(*) FROM keyed) < $1 AND (SELECT count(*) FROM scanned) >= $5
        ORDER BY o.ordering_key, o.id LIMIT 1)
        UNION ALL
        SELECT n.ordering_key, n.id, n.topic, w.step + 1 FROM walked w CROSS JOIN LATERAL (
            SELECT o.ordering_key, o.id, o.topic FROM \(self.table) o
            WHERE o.ordering_key > w.ordering_key ORDER BY o.ordering_key, o.id LIMIT 1
        ) n
        WHERE w.step < $1
        """
    }

    /// The oldest of all rows found.
    ///
    /// The same row may have been found in the window and by the walk, hence `UNION`.
    private var chosen: String {
        """
        SELECT c.id FROM (
            SELECT id FROM plain
            UNION
            SELECT id FROM keyed
            UNION
            SELECT id FROM walked WHERE topic <> ALL($2) AND id <> ALL($3)
        ) c ORDER BY c.id LIMIT $1
        """
    }
}
