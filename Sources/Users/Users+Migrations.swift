// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBusPersistence

extension Users {
    /// The steps that create the module's tables in a database.
    public static let migrations: [Migration] = [
        Migration(
            1,
            "users",
            sql: """
                CREATE TABLE users (
                    id uuid PRIMARY KEY,
                    username text NOT NULL,
                    email text NOT NULL,
                    password_hash text NOT NULL,
                    created_at timestamptz NOT NULL
                );
                CREATE UNIQUE INDEX users_username_key ON users (lower(username COLLATE "C"));
                CREATE UNIQUE INDEX users_email_key ON users (lower(email COLLATE "C"));
                """
        )
    ]
}
