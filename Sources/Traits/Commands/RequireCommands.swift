// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if !Commands
#error("EventBusCommands needs the trait Commands of swift-event-bus: write traits: [\"Commands\"] in its .package(…)")
#endif
