// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import Synchronization

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
        let (process, world) = (self.calls.process, self.calls.process.world)
        let work = world.stalls.began(self.calls.relaying)
        defer { world.stalls.ended(work) }
        let ownership = Ownership()
        try await withThrowingTaskGroup(of: Void.self) { group in
            // The server's part goes on while the process is frozen.
            group.addTask(executorPreference: world.executor) { [base] in
                try await base.withOwnership { await ownership.hold($0) }
            }
            let owned = try await ownership.take()
            let session = process.ownerships.open { ownership.end() }
            defer { process.ownerships.close(session) }
            try process.leave(.own, fault)
            try await body(SimulatedOwnedOutbox(calls: self.calls, base: owned, session: session))
            ownership.end()
            while try await group.next() != nil {}
        }
    }

    func oldest() async throws(RepositoryError) -> Date? {
        try await self.calls.perform(.find) { () throws(RepositoryError) in try await self.base.oldest() }
    }
}

/// The ownership of an outbox, which a store can take away from a process that does not answer.
private final class Ownership: Sendable {
    private let outbox = Mutex<(any OwnedOutbox)?>(nil)
    private let isTaken = Signal()
    private let hasEnded = Signal()

    /// Holds it until its end.
    func hold(_ outbox: any OwnedOutbox) async {
        self.outbox.withLock { $0 = outbox }
        self.isTaken.raise()
        await self.hasEnded.wait()
    }

    /// Waits for the ownership.
    func take() async throws -> any OwnedOutbox {
        await self.isTaken.wait()
        guard let outbox = self.outbox.withLock({ $0 }) else { throw CancellationError() }
        return outbox
    }

    func end() { self.hasEnded.raise() }
}

extension StoreCalls {
    var outboxName: String { "outbox of \(self.name)" }

    private var waiting: Int { self.process.world.store(self.name).outboxReport().rows }

    /// What waits in the outbox.
    fileprivate var relaying: Stalls.Work {
        Stalls.Work(
            executor: self.process.executor,
            isDead: { [process] in process.isDead },
            name: self.outboxName,
            isThere: { self.waiting > 0 },
            hasProblem: { [process] in await process.reports.hasProblemOfRelay() },
            violation: {
                let text =
                    "\(self.waiting) events in the \(self.outboxName) did not move for \(self.process.world.stalls.limit),"
                    + " and the relay of \(self.process.place) showed no problem"
                return Violation("stalled", nil, nil, text)
            }
        )
    }
}

/// An outbox that a simulated process owns, with faults.
struct SimulatedOwnedOutbox: OwnedOutbox {
    let calls: StoreCalls
    let base: any OwnedOutbox
    let session: Int

    func exchange(
        published: [OutboxRow.ID],
        limit: Int,
        except held: HeldRows
    ) async throws(RepositoryError) -> [OutboxRow] {
        let rows = try await self.calls.perform(.exchange) { () throws(RepositoryError) in
            guard self.calls.process.ownerships.isOpen(self.session) else {
                throw RepositoryError(.unavailable, "the store has ended the session")
            }
            return try await self.base.exchange(published: published, limit: limit, except: held)
        }
        if !published.isEmpty { self.calls.process.world.stalls.moved(self.calls.outboxName) }
        return rows
    }
}
