// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Persistence

/// The calls of one store by one process, at which something can go wrong.
struct StoreCalls: Sendable {
    let name: String
    let process: SimulatedProcess

    /// The beginning of a call of the store.
    func enter(_ call: FaultCall) async throws -> Fault? {
        let fault = try await self.process.enter(call)
        let outages = self.process.world.outages
        if fault == .storeOutage {
            outages.takeStoreAway(self.name, for: .milliseconds(50 + self.process.below(20000)))
        }
        if fault == .unavailable || outages.storeIsAway(self.name) {
            throw RepositoryError(.unavailable, "the store is away")
        }
        return fault
    }

    /// As ``enter(_:)``, for calls that throw a store's errors only.
    func enterRepository(_ call: FaultCall) async throws(RepositoryError) -> Fault? {
        do {
            return try await self.enter(call)
        } catch {
            throw (error as? RepositoryError) ?? RepositoryError(.unavailable, "the process has died", cause: error)
        }
    }

    /// The end of a call that throws a store's errors only.
    func leaveRepository(_ call: FaultCall, _ fault: Fault?) throws(RepositoryError) {
        if fault == .lostAnswer { throw RepositoryError(.unavailable, "the answer was lost in the simulation") }
        do {
            try self.process.leave(call, fault)
        } catch {
            throw RepositoryError(.unavailable, "the process has died", cause: error)
        }
    }
}
