// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// The calls of one process to one store, at which faults can happen.
struct StoreCalls: Sendable {
    let name: String
    let process: SimulatedProcess

    /// What a store throws that has not answered in time.
    static var timedOut: RepositoryError { RepositoryError(.timedOut, "the store has not answered in time") }

    /// The start of a call to the store.
    func enter(_ call: FaultCall) async throws -> Fault? {
        do {
            return try await self.reach(call)
        } catch {
            self.process.callFailed()
            throw error
        }
    }

    private func reach(_ call: FaultCall) async throws -> Fault? {
        let fault = try await self.process.enter(call)
        let outages = self.process.world.outages
        switch fault {
        case .storeOutage: outages.takeStoreAway(self.name, for: .milliseconds(50 + self.process.below(20000)))
        case .slowStore: try await self.waitForSlowStore()
        default: break
        }
        if fault == .unavailable || outages.storeIsAway(self.name) {
            throw RepositoryError(.unavailable, "the store is away")
        }
        return fault
    }

    /// The store answers late, or gives up.
    private func waitForSlowStore() async throws {
        try await self.process.clock.sleep(for: .milliseconds(1 + self.process.below(60_000)))
        try self.process.checkAlive()
        if self.process.below(2) == 0 { throw StoreCalls.timedOut }
    }

    /// A complete call that throws only a store's errors.
    func perform<Result>(
        _ call: FaultCall,
        _ body: () async throws(RepositoryError) -> Result
    ) async throws(RepositoryError) -> Result {
        let fault: Fault?
        do {
            fault = try await self.enter(call)
        } catch {
            throw (error as? RepositoryError) ?? RepositoryError(.unavailable, "the process has died", cause: error)
        }
        let result = try await body()
        await self.process.letOthersRun()
        if fault == .lostAnswer { throw RepositoryError(.unavailable, "the answer was lost in the simulation") }
        do {
            try self.process.leave(call, fault)
        } catch {
            throw RepositoryError(.unavailable, "the process has died", cause: error)
        }
        return result
    }
}
