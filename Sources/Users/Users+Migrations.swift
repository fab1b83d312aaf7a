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
        ),
        // Each use of a key removes a few that nobody remembers any more: two for one, so that the table does not grow. A row that
        // another transaction holds is left to the next one. The role that runs the store needs no right to delete.
        Migration(
            2,
            "keys of registrations",
            sql: """
                CREATE TABLE registration_keys (
                    id uuid PRIMARY KEY,
                    key text COLLATE "C" NOT NULL,
                    user_id uuid NOT NULL,
                    used_at timestamptz NOT NULL,
                    version bigint NOT NULL
                );
                CREATE UNIQUE INDEX registration_keys_key ON registration_keys (key);
                CREATE INDEX registration_keys_age ON registration_keys (used_at);
                CREATE FUNCTION registration_keys_sweep() RETURNS trigger LANGUAGE plpgsql
                    SECURITY DEFINER SET search_path FROM CURRENT AS $$
                BEGIN
                    DELETE FROM registration_keys WHERE id IN (
                        SELECT id FROM registration_keys WHERE used_at < now() - interval '25 hours'
                        ORDER BY used_at LIMIT 2 FOR UPDATE SKIP LOCKED
                    );
                    RETURN NULL;
                END $$;
                CREATE TRIGGER registration_keys_sweep AFTER INSERT ON registration_keys
                    FOR EACH STATEMENT EXECUTE FUNCTION registration_keys_sweep();
                """
        ),
    ]
}
