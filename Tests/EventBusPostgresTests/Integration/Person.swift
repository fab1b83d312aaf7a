// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Foundation

/// An entity with a column of each kind.
struct Person: Entity, Equatable {
    static let byEmail = UniqueKey<Person>("people_email_key", on: "email", ignoringCase: true)
    static let byBadge = UniqueKey<Person>("people_badge_key", on: "badge")
    static let schema = EntitySchema<Person>(
        table: "people",
        columns: [
            .uuid("id"), .text("email"), .int("badge"), .double("score"), .bool("active"), .timestamp("born"),
            .bytes("photo"), .text("nickname"),
        ],
        uniqueKeys: [byEmail, byBadge]
    )
    static let migrations = [
        Migration(
            1,
            "people",
            sql: """
                CREATE TABLE people (
                    id uuid PRIMARY KEY, email text NOT NULL, badge bigint, score double precision NOT NULL,
                    active boolean NOT NULL, born timestamptz NOT NULL, photo bytea NOT NULL, nickname text
                );
                CREATE UNIQUE INDEX people_email_key ON people (lower(email COLLATE "C"));
                -- a semicolon; in a comment, and 'quotes'
                ALTER TABLE people ADD CONSTRAINT people_badge_key UNIQUE (badge) DEFERRABLE INITIALLY DEFERRED
                """
        )
    ]

    let id: Identifier
    var email: String
    var badge: Int64?
    var score: Double
    var active: Bool
    var born: Date
    var photo: [UInt8]
    var nickname: String?

    init(_ email: String, badge: Int64? = nil, photo: [UInt8] = [0, 1, 255]) {
        let stamp = Stamp.next()
        self.id = stamp.id
        self.email = email
        self.badge = badge
        self.score = 0.1 + 0.2
        self.active = true
        self.born = stamp.time
        self.photo = photo
    }
}

struct Greeted: Event {
    static let topic: Topic = "test.greeted"
    let number: Int
    var key: String?
    var orderingKey: String? { self.key }
}

struct Left: Event {
    static let topic: Topic = "test.left"
    let number: Int
}
