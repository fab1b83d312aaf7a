// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

/// One run of a case: two stores and the steps that cases are made of.
struct StoreScene: Sendable {
    let harness: any StoreHarness
    let store: any Store
    let other: any Store
    let specimens: any Repository<Specimen>

    init(_ harness: any StoreHarness) {
        self.harness = harness
        self.store = harness.store
        self.other = harness.otherStore
        self.specimens = harness.store.repository(for: Specimen.self)
    }

    // MARK: Entities

    /// Commits specimens in one transaction.
    func insert(_ specimens: Specimen...) async throws {
        try await self.store.transaction { transaction in
            for specimen in specimens { try self.specimens.insert(specimen, in: transaction) }
        }
    }

    func update(_ specimen: Specimen) async throws {
        try await self.store.transaction { try self.specimens.update(specimen, in: $0) }
    }

    func expectStored(_ specimens: Specimen...) async throws {
        for specimen in specimens {
            try expect("specimen \(specimen.name)", try await self.specimens.find(specimen.id), specimen)
        }
    }

    func expectMissing(_ specimens: Specimen...) async throws {
        for specimen in specimens {
            try expect("specimen \(specimen.name)", try await self.specimens.find(specimen.id), nil)
        }
    }

    // MARK: Errors

    /// Expects a transaction to fail with a code, and on a key.
    func expectFailure(
        _ code: RepositoryError.Code,
        key: String? = nil,
        _ what: String = "the transaction",
        _ body: (borrowing Transaction) async throws -> Void
    ) async throws {
        try await expectError(code, key: key, what) { try await self.store.transaction(body) }
    }

    /// Expects a conflict on one of the specimens' keys.
    func expectConflict(
        _ key: UniqueKey<Specimen>,
        _ what: String = "the transaction",
        _ body: (borrowing Transaction) async throws -> Void
    ) async throws {
        try await self.expectFailure(.conflict, key: key.name, what, body)
    }

    // MARK: Outbox

    /// Commits events, each in a transaction of its own.
    func publish(_ events: any Event...) async throws {
        for event in events { try await self.store.transaction { try $0.publish(event) } }
    }

    /// Calls `body` as the owner of the outbox.
    func owning<Value>(_ body: (any OwnedOutbox) async throws -> Value) async throws -> Value {
        var value: Value?
        try await self.store.outbox.withOwnership { value = try await body($0) }
        guard let value else { throw ConformanceFailure("withOwnership returned without having called its body") }
        return value
    }

    /// The labels of all events that wait, without removing them.
    func waiting() async throws -> [String] {
        try await self.owning { try await $0.peek(1000).map { try $0.label } }
    }
}

/// Expects `body` to throw a `RepositoryError` with a code, and on a key.
func expectError(
    _ code: RepositoryError.Code,
    key: String? = nil,
    _ what: String,
    _ body: () async throws -> Void
) async throws {
    do {
        try await body()
    } catch let error as RepositoryError {
        try expect("code of the error of \(what)", error.code.description, code.description)
        try expect("key of the error of \(what)", error.key, key)
        return
    } catch let failure as ConformanceFailure {
        throw failure
    } catch {
        throw ConformanceFailure("error of \(what): expected \(code), got \(type(of: error)): \(error)")
    }
    throw ConformanceFailure("\(what): expected the error \(code), but there was none")
}

/// Expects `body` to throw `CancellationError`.
func expectCancellation(_ what: String, _ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch is CancellationError {
        return
    } catch let failure as ConformanceFailure {
        throw failure
    } catch {
        throw ConformanceFailure("error of \(what): expected CancellationError, got \(type(of: error)): \(error)")
    }
    throw ConformanceFailure("\(what): expected CancellationError, but there was none")
}

/// Thrown by a body to roll its transaction back.
struct ChangedMind: Error {}

/// Expects `body` to throw ``ChangedMind``.
func expectChangedMind(_ what: String, _ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch is ChangedMind {
        return
    }
    throw ConformanceFailure("\(what): expected the body's own error, but there was none")
}

extension OwnedOutbox {
    /// The next rows, without removing any.
    func peek(_ limit: Int, except held: HeldRows = HeldRows()) async throws -> [OutboxRow] {
        try await self.exchange(published: [], limit: limit, except: held)
    }

    /// Removes all rows that may be published, a number at a time, and returns their labels.
    func drain(_ limit: Int, except held: HeldRows = HeldRows()) async throws -> [String] {
        var labels: [String] = []
        var published: [OutboxRow.ID] = []
        while true {
            let rows = try await self.exchange(published: published, limit: limit, except: held)
            if rows.isEmpty { return labels }
            labels += try rows.map { try $0.label }
            published = rows.map(\.id)
        }
    }
}

extension OutboxRow {
    /// The label of an event of this suite.
    var label: String {
        get throws {
            self.message.topic == SpecimenLost.topic
                ? try self.message.decode(SpecimenLost.self).label : try self.message.decode(SpecimenFound.self).label
        }
    }
}

extension Notifier {
    /// Waits until `count` tasks have called it.
    func meet(_ count: UInt64) async throws {
        self.raise()
        _ = try await self.wait(above: count - 1)
    }
}

/// Runs a body in several tasks at once; the results are in no particular order.
func concurrently<Value: Sendable>(
    _ count: Int,
    _ body: @escaping @Sendable (Int) async throws -> Value
) async throws -> [Value] {
    try await withThrowingTaskGroup(of: Value.self) { group in
        for number in 0..<count { group.addTask { try await body(number) } }
        return try await group.reduce(into: []) { $0.append($1) }
    }
}
