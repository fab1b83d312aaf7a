// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if !Postgres
#error("EventBusPostgres needs the trait Postgres of swift-event-bus: write traits: [\"Postgres\"] in its .package(…)")
#endif
