// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting

/// A module whose effects are not idempotent: only the inbox prevents duplicates.
struct Journal: Sendable {
    static let pages: SubscriptionName = "journal.pages"
    static let totals: SubscriptionName = "journal.totals"
    static let accounts: SubscriptionName = "journal.accounts"
    static let notes: SubscriptionName = "journal.notes"
    static let retry = RetryPolicy(attempts: 3)

    private let store: any Store
    private let lines: any Repository<Line>

    init(store: any Store) {
        self.store = store
        self.lines = store.repository(for: Line.self)
    }

    /// Writes an entry and publishes it.
    func write(_ entry: EntryWritten) async throws {
        try await self.store.transaction { transaction in
            try self.lines.insert(Line(consumer: "writer", text: entry.text), in: transaction)
            try transaction.publish(entry)
        }
    }

    /// Starts to write an entry and rolls back: it must have no effect.
    func discard(_ entry: EntryWritten) async throws {
        struct Discarded: Error {}
        do {
            try await self.store.transaction { transaction in
                try transaction.publish(entry)
                throw Discarded()
            }
        } catch is Discarded {}
    }

    /// Ignores the failure of a write: the transaction must fail all the same.
    ///
    /// - Returns: whether it did.
    func swallow(_ entry: EntryWritten) async throws -> Bool {
        do {
            try await self.store.transaction { transaction in
                try self.lines.insert(Line(consumer: "writer", text: "", mark: "taken"), in: transaction)
                try self.lines.insert(Line(consumer: "writer", text: "", mark: "taken"), in: transaction)
                _ = try? await self.lines.find(by: Line.byMark, "taken", in: transaction)
                try? transaction.publish(entry)
            }
            return false
        } catch let error as RepositoryError where error.isConflict(on: Line.byMark) {
            return true
        }
    }

    /// The journal's four consumers: ordered, batched, one for another module's events, and one for those of other programs.
    ///
    /// - Parameter hasNotes: whether other programs publish anything.
    func consumers(
        on bus: any EventBus,
        hasNotes: Bool,
        clock: VirtualClock,
        _ handle: @escaping Handling
    ) -> [EventConsumer] {
        let ordered = ConsumerOptions(ordering: .perKey, prefetch: 4, concurrency: 2, retry: Self.retry)
        let batched = ConsumerOptions(prefetch: 8, concurrency: 2, retry: Self.retry)
        let few = ConsumerOptions(prefetch: 4, concurrency: 1)
        let many = ConsumerOptions(prefetch: 16, concurrency: 1, retry: Self.retry)
        return [
            EventConsumer(Self.pages, on: bus, store: self.store, options: ordered, clock: clock) {
                self.line(EntryWritten.self, by: Self.pages) { try await handle(Self.pages, $1, $0.text) }
            },
            EventConsumer(Self.totals, on: bus, store: self.store, batch: 4, options: batched, clock: clock) {
                self.line(EntryWritten.self, by: Self.totals) { try await handle(Self.totals, $1, $0.text) }
            },
            EventConsumer(Self.accounts, on: bus, store: self.store, options: few, clock: clock) {
                self.line(AccountOpened.self, by: Self.accounts) { try await handle(Self.accounts, $1, "") }
            },
        ]
            + (hasNotes
                ? [
                    EventConsumer(Self.notes, on: bus, store: self.store, options: many, clock: clock) {
                        self.line(NoteTaken.self, by: Self.notes) {
                            // Slower than they arrive, so that some wait in the process.
                            try await clock.sleep(for: .milliseconds(100))
                            try await handle(Self.notes, $1, $0.text)
                        }
                    }
                ] : [])
    }

    /// Inserts a line for each event, unless `before` throws.
    private func line<E: Event>(
        _ type: E.Type,
        by consumer: SubscriptionName,
        _ before: @escaping @Sendable (E, Message) async throws -> Void
    ) -> On<Transaction> {
        On(E.self) { [lines] event, message, transaction in
            try await before(event, message)
            try lines.insert(Line(of: message.identity, by: consumer), in: transaction)
        }
    }

    /// What else a handler does: fail, hang, or kill its process.
    typealias Handling =
        @Sendable (_ consumer: SubscriptionName, _ message: Message, _ text: String) async throws -> Void
}
