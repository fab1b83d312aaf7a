// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension LogKey {
    /// What libpq reports about a connection.
    static let postgresDetail = "eventbus.postgres.detail"
    static let postgresSchema = "eventbus.postgres.schema"
    static let postgresMigration = "eventbus.postgres.migration.version"
}
