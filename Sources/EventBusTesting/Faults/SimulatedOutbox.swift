// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// An outbox of a simulated process, with faults.
struct SimulatedOutbox: Outbox {
    let calls: StoreCalls
    let base: any Outbox

    var commitCount: UInt64 { self.base.commitCount }
    var pollInterval: Duration? { self.base.pollInterval }

    func commits(after level: UInt64) async throws -> UInt64 {
        try await self.base.commits(after: level)
    }

    func withOwnership(_ body: (any OwnedOutbox) async throws -> Void) async throws {
        let fault = try await self.calls.enter(.own)
        try await self.base.withOwnership { owned in
            try self.calls.process.leave(.own, fault)
            try await body(SimulatedOwnedOutbox(calls: self.calls, base: owned))
        }
    }

    func oldest() async throws(RepositoryError) -> Date? {
        try await self.calls.perform(.find) { () throws(RepositoryError) in try await self.base.oldest() }
    }
}

/// An outbox that a simulated process owns, with faults.
struct SimulatedOwnedOutbox: OwnedOutbox {
    let calls: StoreCalls
    let base: any OwnedOutbox

    func exchange(
        published: [OutboxRow.ID],
        limit: Int,
        except held: HeldRows
    ) async throws(RepositoryError) -> [OutboxRow] {
        try await self.calls.perform(.exchange) { () throws(RepositoryError) in
            try await self.base.exchange(published: published, limit: limit, except: held)
        }
    }
}
