// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if !RabbitMQ
#error("EventBusRabbit needs the trait RabbitMQ of swift-event-bus: write traits: [\"RabbitMQ\"] in its .package(…)")
#endif
