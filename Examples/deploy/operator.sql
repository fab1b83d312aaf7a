-- SPDX-License-Identifier: Apache-2.0
-- Part of swift-event-bus.
--
-- What the operator's role may read, for the database of roles.sql. Once, after both services have started for the first time: each
-- creates its outbox itself. A default for all tables of a schema would show the hashes of passwords too.

GRANT SELECT ON users.eventbus_outbox, payments.eventbus_outbox TO "operator";
