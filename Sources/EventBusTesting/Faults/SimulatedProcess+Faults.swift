// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import EventBusPersistence

extension SimulatedProcess {
    /// The bus, with the simulation's faults.
    public var bus: any EventBus { SimulatedBus(process: self) }

    /// A durable store by name, with the simulation's faults.
    public func store(_ name: String) -> any Store { SimulatedStore(name, of: self) }
}
