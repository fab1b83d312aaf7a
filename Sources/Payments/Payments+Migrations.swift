// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBusPersistence

extension Payments {
    /// The steps that create the module's tables in a database.
    public static let migrations: [Migration] = [
        Migration(
            1,
            "accounts",
            sql: """
                CREATE TABLE accounts (
                    id uuid PRIMARY KEY,
                    owner uuid NOT NULL,
                    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
                    balance bigint NOT NULL,
                    created_at timestamptz NOT NULL
                );
                CREATE UNIQUE INDEX accounts_owner_key ON accounts (owner);
                """
        )
    ]
}
