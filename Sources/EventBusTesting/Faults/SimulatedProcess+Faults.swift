// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import EventBusPersistence

extension SimulatedProcess {
    /// The bus, with the simulation's faults.
    public var bus: any EventBus { SimulatedBus(process: self) }

    /// A durable store by name, with the simulation's faults.
    public func store(_ name: String) -> any Store { SimulatedStore(name, of: self) }

    /// Lets the transaction that calls this fail at its commit, as a trigger or a deferred constraint would.
    ///
    /// For errors of one message that the store reports and the handler does not see. Calling it outside of a transaction of a
    /// simulated store is a programming error.
    public func failTransaction(with error: RepositoryError) {
        let transaction = TransactionStarts.current
        require(transaction != nil, "failTransaction is called outside of a transaction of a simulated store")
        transaction?.commitFailure = error
    }
}
