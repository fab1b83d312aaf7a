// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import EventBusPersistence

/// The entity of the suite that has a version.
public struct Tally: Entity, Hashable {
    /// The table `tallies`.
    public static let schema = EntitySchema<Tally>(
        table: "tallies",
        columns: [.uuid("id"), .int("count"), .int("version")],
        versionColumn: "version"
    )

    static let migration = Migration(
        2,
        "tallies",
        sql: "CREATE TABLE tallies (id uuid PRIMARY KEY, count bigint NOT NULL, version bigint NOT NULL)"
    )

    /// The primary key.
    public let id: Identifier
    var count: Int64 = 0
    var version: Int64 = 1

    init() { self.id = Stamp.next().id }

    /// The tally with another count.
    func counting(_ count: Int64) -> Tally {
        var changed = self
        changed.count = count
        return changed
    }
}
