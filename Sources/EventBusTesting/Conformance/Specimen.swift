// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import EventBusPersistence

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The entity that the suite stores: a column of each kind, most of which may be empty, and three unique keys.
public struct Specimen: Entity, Hashable {
    static let byName = UniqueKey<Specimen>("specimens_name_key", on: "name", ignoringCase: true)
    static let byCode = UniqueKey<Specimen>("specimens_code_key", on: "code")
    static let byNumber = UniqueKey<Specimen>("specimens_number_key", on: "number")
    static let primaryKey = "specimens_pkey"

    /// The table `specimens`.
    public static let schema = EntitySchema<Specimen>(
        table: "specimens",
        columns: [
            .uuid("id"), .text("name"), .text("code"), .int("number"), .uuid("parent"), .double("weight"),
            .bool("living"), .timestamp("found_at"), .bytes("picture"), .text("note"),
        ],
        uniqueKeys: [byName, byCode, byNumber]
    )

    static let migration = Migration(
        1,
        "specimens",
        sql: """
            CREATE TABLE specimens (
                id uuid PRIMARY KEY,
                name text NOT NULL,
                code text,
                number bigint,
                parent uuid,
                weight double precision,
                living boolean,
                found_at timestamptz,
                picture bytea,
                note text
            );
            CREATE UNIQUE INDEX specimens_name_key ON specimens (lower(name COLLATE "C"));
            CREATE UNIQUE INDEX specimens_code_key ON specimens (code);
            CREATE UNIQUE INDEX specimens_number_key ON specimens (number);
            """
    )

    /// The primary key.
    public let id: Identifier
    var name: String
    var code: String?
    var number: Int64?
    var parent: Identifier?
    var weight: Double?
    var living: Bool?
    var foundAt: Date?
    var picture: [UInt8]?
    var note: String?

    enum CodingKeys: String, CodingKey {
        case id, name, code, number, parent, weight, living
        case foundAt = "found_at"
        case picture, note
    }

    /// A specimen with a name and nothing else.
    init(_ name: String) {
        self.id = Stamp.next().id
        self.name = name
    }

    /// A specimen with a value in each column.
    static func complete(_ name: String) -> Specimen {
        var specimen = Specimen(name)
        specimen.code = "code of \(name)"
        specimen.number = 42
        specimen.parent = Stamp.next().id
        specimen.weight = 0.1 + 0.2
        specimen.living = false
        specimen.foundAt = Date(timeIntervalSince1970: 1_767_225_600.123456)
        specimen.picture = [UInt8](0...255)
        specimen.note = "ä\u{1F40C} 'quoted' \\ \"double\"\n%s $1"
        return specimen
    }

    /// The specimen with changes.
    func with(_ change: (inout Specimen) -> Void) -> Specimen {
        var changed = self
        change(&changed)
        return changed
    }
}

/// An event that the suite publishes.
struct SpecimenFound: Event {
    static let topic: Topic = "conformance.specimen.found"
    static let version = 3
    static let requiresSubscriber = false

    let label: String
    var key: String?

    var orderingKey: String? { self.key }
}

extension EventIdentity {
    /// An event of the suite's own source.
    static func specimen(_ id: String) -> EventIdentity { EventIdentity(source: "/conformance", id: id) }
}

/// An event of another topic.
struct SpecimenLost: Event {
    static let topic: Topic = "conformance.specimen.lost"

    let label: String
    var key: String?

    var orderingKey: String? { self.key }
}
