// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Foundation
import Synchronization
import Testing

/// What only the store in memory has; the rest is in `StoreConformance`.
@Suite struct InMemoryStoreTests {
    private let stage = ManualExecutor()
    private let store = InMemoryStore()
    private var answers: any Repository<Answer> { self.store.repository(for: Answer.self) }

    /// Starts a transaction that inserts an answer and stays open until the gate is raised.
    private func hold(_ answer: Answer, until gate: Notifier) -> ManualTask<Void> {
        self.stage.start {
            try await self.store.transaction { transaction in
                try self.answers.insert(answer, in: transaction)
                _ = try await self.answers.find(answer.id, in: transaction)
                _ = try await gate.wait(above: 0)
            }
        }
    }

    private func insert(_ answer: Answer) -> ManualTask<Void> {
        self.stage.start { try await self.store.transaction { try self.answers.insert(answer, in: $0) } }
    }

    private static func code<Value>(of task: ManualTask<Value>) -> RepositoryError.Code? {
        (task.error as? RepositoryError)?.code
    }

    @Test func whoeverWritesTheSameWaitsUntilTheFirstHasEnded() {
        let gate = Notifier()
        let first = self.hold(Answer("yes"), until: gate)
        let second = self.insert(Answer("yes"))
        let other = self.insert(Answer("no"))
        #expect([first, second, other].map(\.hasEnded) == [false, false, true])
        #expect(self.store.openTransactions == 2)
        gate.raise()
        self.stage.settle()
        #expect(first.error == nil)
        #expect(Self.code(of: second) == .conflict)
        #expect(self.store.openTransactions == 0)
    }

    @Test func aWaitEndsAfterTheLockTimeoutAndReleasesWhatItsTransactionHolds() {
        let store = InMemoryStore(lockTimeout: .seconds(2), clock: self.stage.clock)
        let answers = store.repository(for: Answer.self)
        let gate = Notifier()
        let (taken, own) = (Answer("yes"), Answer("no"))
        @Sendable func start(_ inserts: Answer..., then gate: Notifier? = nil) -> ManualTask<Void> {
            self.stage.start {
                try await store.transaction { transaction in
                    for answer in inserts {
                        try answers.insert(answer, in: transaction)
                        _ = try await answers.find(answer.id, in: transaction)
                    }
                    _ = try await gate?.wait(above: 0)
                }
            }
        }
        let holder = start(taken, then: gate)
        let first = start(own, taken)
        self.stage.advance(by: .seconds(1))
        let (second, behind) = (start(taken), start(own))
        self.stage.advance(by: .milliseconds(999))
        #expect([holder, first, second, behind].allSatisfy { !$0.hasEnded })
        self.stage.advance(by: .milliseconds(1))
        #expect(Self.code(of: first) == .locked)
        #expect(behind.hasEnded && behind.error == nil, "what it waited for is free")
        #expect(!second.hasEnded)
        gate.raise()
        self.stage.settle()
        #expect(holder.error == nil)
        #expect(Self.code(of: second) == .conflict)
        #expect(store.openTransactions == 0)
    }

    @Test func aCancelledCallerStopsWaitingAndReleasesWhatItHolds() throws {
        let gate = Notifier()
        let (taken, own) = (Answer("yes"), Answer("no"))
        let first = self.hold(taken, until: gate)
        for reads in [false, true] {
            let second = self.stage.start {
                try await self.store.transaction { transaction in
                    try self.answers.insert(own, in: transaction)
                    try self.answers.insert(Answer("yes"), in: transaction)
                    if reads { _ = try await self.answers.find(own.id, in: transaction) }
                }
            }
            #expect(!second.hasEnded)
            second.cancel()
            self.stage.settle()
            #expect(second.error is CancellationError)
            #expect(self.store.openTransactions == 1)
        }
        #expect(self.insert(own).hasEnded)
        gate.raise()
        self.stage.settle()
        #expect(first.hasEnded)
        #expect(try self.store.all(Answer.self).count == 2)
    }

    @Test func aTransactionWhoseContextHasOutlivedItHoldsNothing() throws {
        let (gate, open) = (Notifier(), Notifier())
        let event = EventIdentity(source: "/test", id: "1")
        let first = self.stage.start {
            try await self.store.transaction { transaction in
                _ = try await transaction.context.markHandled([event], by: "test")
                _ = try await gate.wait(above: 0)
            }
        }
        let kept = Mutex<(any TransactionContext)?>(nil)
        let second = self.stage.start {
            try await self.store.transaction { transaction in
                kept.withLock { $0 = transaction.context }
                _ = try await open.wait(above: 0)
            }
        }
        let context = try #require(kept.withLock { $0 })
        let late = self.stage.start { try await context.markHandled([event], by: "test") }
        #expect([first.hasEnded, second.hasEnded, late.hasEnded] == [false, false, false])
        open.raise()
        self.stage.settle()
        #expect(Self.code(of: second) == .database)
        #expect(Self.code(of: late) == .transactionEnded)
        #expect(self.store.openTransactions == 1)
        gate.raise()
        self.stage.settle()
        #expect(first.hasEnded && first.error == nil)
        #expect(self.store.openTransactions == 0)
    }

    @Test func theInboxForgetsWhatIsOlderThanItsRetention() throws {
        let store = InMemoryStore(inboxRetention: .seconds(3600))
        let clock = self.stage.clock
        try self.stage.run {
            try await Stamp.withSource(ClockStamps(clock: clock)) {
                for number in 0..<3000 {
                    let event = EventIdentity(source: "/test", id: "\(number)")
                    _ = try await store.claimStart(of: event, redrive: 0, by: "test", as: Stamp.next().id)
                    try await store.transaction { _ = try await $0.context.markHandled([event], by: "test") }
                    clock.advance(by: .seconds(10))
                    // 360 events in an hour, and the one that is exactly an hour old.
                    if store.inboxCounts.handled > 361 || store.inboxCounts.claims > 361 { break }
                }
            }
        }
        #expect(store.inboxCounts.handled == 361)
        #expect(store.inboxCounts.claims == 361)
    }

    @Test func whatIsClaimedAgainStaysLonger() throws {
        let store = InMemoryStore(inboxRetention: .seconds(60))
        let clock = self.stage.clock
        let counts = try self.stage.run {
            try await Stamp.withSource(ClockStamps(clock: clock)) {
                var counts: [Int] = []
                for pause in [0, 40, 40, 61] {
                    clock.advance(by: .seconds(pause))
                    let event = EventIdentity(source: "/test", id: "1")
                    counts.append(
                        try await store.claimStart(of: event, redrive: 0, by: "test", as: Stamp.next().id)
                    )
                    _ = try await store.claimStart(
                        of: EventIdentity(source: "/test", id: "other"),
                        redrive: 0,
                        by: "test",
                        as: Stamp.next().id
                    )
                }
                return counts
            }
        }
        #expect(counts == [1, 2, 3, 1])
    }

    @Test func aLockTimeoutOfNothingTraps() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = InMemoryStore(lockTimeout: .zero)
        }
        let output = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(output.contains("lockTimeout is 0.0 seconds, must be at least 1 ms"))
    }

    @Test func aRetentionThatIsNotPositiveTraps() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = InMemoryStore(inboxRetention: .zero)
        }
        let output = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(output.contains("inboxRetention is 0.0 seconds, must be positive"))
    }
}

/// Takes the time from a virtual clock.
private struct ClockStamps: StampSource {
    let clock: VirtualClock
    private let number = Notifier()

    init(clock: VirtualClock) {
        self.clock = clock
    }

    func next() -> Stamp {
        self.number.raise()
        let id = Identifier(high: 0, low: self.number.value)
        let seconds = self.clock.now.offset / .seconds(1)
        return Stamp(id: id, time: Date(timeIntervalSince1970: seconds))
    }
}
