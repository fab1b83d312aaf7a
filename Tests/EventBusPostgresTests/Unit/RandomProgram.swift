// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting

@testable import EventBusPostgres

/// Writers, an owner and holds, in an order that a seed decides.
struct RandomProgram {
    private var random: SeededRandom
    private let limits: OutboxReader.Limits
    private var table = OutboxTable()
    private var reader: OutboxReader
    private var now = Duration.zero
    private var running: [(transaction: UInt64, ids: [(OutboxRow.ID, String?)])] = []
    /// The committed rows of each key that have not been removed, in order.
    private var expected: [String?: [OutboxRow.ID]] = [:]
    private var held = HeldRows()
    private var published: [OutboxRow.ID] = []
    /// The rows that cannot be read.
    private var broken: Set<OutboxRow.ID> = []
    private(set) var violations: [String] = []

    init(seed: UInt64, limits: OutboxReader.Limits) {
        self.random = SeededRandom(seed: seed)
        self.limits = limits
        self.reader = self.table.reader(limits)
    }

    mutating func step() {
        self.now += .milliseconds(Int.random(in: 0...400, using: &self.random))
        switch Int.random(in: 0..<20, using: &self.random) {
        case 0..<6: self.write()
        case 6..<10: self.end(commits: Int.random(in: 0..<5, using: &self.random) > 0)
        case 10..<12: self.hold()
        case 12: if Int.random(in: 0..<4, using: &self.random) == 0 { self.crash() }
        default: self.exchange()
        }
    }

    /// Everything is committed, nothing is held, everything is published but what cannot be read and what is behind it.
    ///
    /// When that can be read again, it is published too, in a later pass.
    mutating func finish() {
        while !self.running.isEmpty { self.end(commits: true) }
        self.held = HeldRows()
        self.publishAll()
        for (key, ids) in self.expected {
            let rest = key == nil ? ids.filter { !self.broken.contains($0) } : ids
            guard let first = rest.first, !self.broken.contains(first) else { continue }
            self.violations.append("not published: \(ids) of \(key ?? "no key")")
        }
        for id in self.broken { self.table.set(nil, for: id) }
        self.broken = []
        for _ in 0..<3 {
            self.now += .seconds(1_000_000_000)
            self.publishAll()
        }
        for (key, ids) in self.expected where !ids.isEmpty {
            self.violations.append("not published in the end: \(ids) of \(key ?? "no key")")
        }
    }

    private mutating func publishAll() {
        for _ in 0..<2000 where self.exchange(confirmsAll: true) == 0 { break }
    }

    private mutating func write() {
        let transaction = self.table.begin()
        var ids: [(OutboxRow.ID, String?)] = []
        for _ in 0..<Int.random(in: 1...4, using: &self.random) {
            // The writers of a key wait for each other.
            let key = ["a", "b", "c", nil].randomElement(using: &self.random) ?? nil
            if key != nil, self.running.contains(where: { $0.ids.contains { $0.1 == key } }) { continue }
            let topic: Topic = ["t", "u"].randomElement(using: &self.random) ?? "t"
            let bytes = Int.random(in: 0..<200, using: &self.random)
            let id = self.table.insert(topic, key: key, bytes: bytes, in: transaction)
            ids.append((id, key))
            guard Int.random(in: 0..<40, using: &self.random) == 0 else { continue }
            self.broken.insert(id)
            self.table.set("broken", for: id)
        }
        self.running.append((transaction, ids))
    }

    private mutating func end(commits: Bool) {
        guard let (transaction, ids) = self.pick() else { return }
        guard commits else { return self.table.rollBack(transaction) }
        self.table.commit(transaction)
        self.expect(ids)
    }

    private mutating func pick() -> (transaction: UInt64, ids: [(OutboxRow.ID, String?)])? {
        guard !self.running.isEmpty else { return nil }
        return self.running.remove(at: Int.random(in: 0..<self.running.count, using: &self.random))
    }

    private mutating func expect(_ ids: [(OutboxRow.ID, String?)]) {
        for (id, key) in ids { self.expected[key, default: []].append(id) }
    }

    private mutating func hold() {
        switch Int.random(in: 0..<4, using: &self.random) {
        case 0: self.held = HeldRows()
        case 1: self.held.topics = []
        case 2: self.held.topics.insert(["t", "u"].randomElement(using: &self.random) ?? "t")
        default: if let id = self.table.rows.keys.sorted().first { self.held.rows.insert(id) }
        }
    }

    /// Another owner begins, and knows nothing: what was published and not removed is published again.
    private mutating func crash() {
        for row in self.published.compactMap({ self.table.rows[$0]?.row }) {
            let key = row.message.orderingKey
            self.expected[key] = (self.expected[key, default: []] + [row.id]).sorted()
        }
        self.published = []
        self.reader = self.table.reader(self.limits, now: self.now)
    }

    @discardableResult
    private mutating func exchange(confirmsAll: Bool = false) -> Int {
        let limit = Int.random(in: 1...4, using: &self.random)
        let meanwhile = Bool.random(using: &self.random) ? self.pick() : nil
        let rows = self.table.exchange(
            &self.reader,
            published: self.published,
            limit: limit,
            except: self.held,
            meanwhile: meanwhile?.transaction,
            now: self.now
        )
        if let meanwhile { self.expect(meanwhile.ids) }
        self.published = []
        for row in rows {
            let key = row.message.orderingKey
            let place = self.expected[key]?.firstIndex(of: row.id)
            if self.held.topics.contains(row.message.topic) || self.held.rows.contains(row.id) {
                self.violations.append("\(row.id) is held")
            }
            if self.broken.contains(row.id) { self.violations.append("\(row.id) cannot be read") }
            guard let place, key == nil || place == 0 else {
                self.violations.append("\(row.id) of \(key ?? "no key") although \(self.expected[key] ?? []) wait")
                continue
            }
            guard confirmsAll || Bool.random(using: &self.random) else { continue }
            self.published.append(row.id)
        }
        for row in rows where self.published.contains(row.id) {
            self.expected[row.message.orderingKey]?.removeAll { $0 == row.id }
        }
        return rows.count
    }
}
