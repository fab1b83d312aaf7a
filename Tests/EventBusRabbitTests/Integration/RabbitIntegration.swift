// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

/// All suites that need a broker, one after the other: some of them cut every connection.
@Suite("With a RabbitMQ broker", .serialized)
enum RabbitIntegration {}
