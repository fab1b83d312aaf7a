// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// Who gets which connection.
extension PoolState {
    var openingCount: Int { self.slots.values.count { if case .opening = $0 { true } else { false } } }
    var openCount: Int { self.slots.count - self.openingCount }
    var exclusiveCount: Int {
        self.slots.values.count { if case .open(_, isExclusive: true) = $0 { true } else { false } }
    }

    /// Whether the caller would wait for none but those that hold nothing else.
    func isFree(for use: Use) -> Bool {
        switch use {
        case .shared, .together: self.exclusiveCount + self.reservations.count < self.limits.maximumConnections
        case .exclusive:
            self.exclusiveCount + self.requests.count { $0.use == .exclusive } < self.limits.exclusiveConnections
        }
    }

    /// Gives connections to those who wait, and opens more if that helps.
    mutating func dispatch(now: Instant, _ actions: inout [Action]) {
        guard self.phase == .running, !self.requests.isEmpty else { return }
        self.serve(&actions)
        let mayOpen = self.outage.map { $0.retryAt <= now } ?? true
        let needed = self.neededConnections
        while mayOpen, self.openingCount < needed, self.slots.count < self.limits.maximumConnections {
            self.open(&actions)
        }
        self.reserve()
    }

    /// Gives connections to those who wait, in the order of arrival.
    mutating func serve(_ actions: inout [Action]) {
        guard self.phase == .running else { return }
        self.serveReserved(&actions)
        var waiting: Deque<Request> = []
        var isTransactionWaiting = false
        while let request = self.requests.popFirst() {
            // Inserts that gather would keep a connection busy for which a transaction waits.
            guard let id = self.take(for: request.use, gathering: !isTransactionWaiting) else {
                isTransactionWaiting = isTransactionWaiting || request.use == .exclusive
                waiting.append(request)
                continue
            }
            actions.append(.deliver(request.id, id))
        }
        self.requests = waiting
    }

    /// Serves those who wait for a connection whose last segment has been answered, or who find an idle one meanwhile.
    private mutating func serveReserved(_ actions: inout [Action]) {
        for (id, request) in self.reservations.sorted(by: { $0.key < $1.key }) {
            guard let index = self.requests.firstIndex(where: { $0.id == request }) else {
                self.reservations[id] = nil
                continue
            }
            var idle = self.leastBusy.flatMap { $0.segments == 0 ? $0.id : nil }
            if case .open(segments: 0, isExclusive: false) = self.slots[id] { idle = id }
            guard let idle else { continue }
            self.reservations[id] = nil
            self.requests.remove(at: index)
            self.give((idle, 0), .exclusive)
            actions.append(.deliver(request, idle))
        }
    }

    /// Reserves a connection for each caller who waits to use one exclusively, if none is being opened.
    private mutating func reserve() {
        guard self.openingCount == 0 else { return }
        for request in self.requests where request.use == .exclusive && !self.reservations.values.contains(request.id) {
            guard self.exclusiveCount + self.reservations.count < self.limits.exclusiveConnections,
                let best = self.leastBusy
            else { return }
            self.reservations[best.id] = request.id
        }
    }

    /// Takes the least busy connection, unless a new one would be better.
    private mutating func take(for use: Use, gathering: Bool) -> ConnectionID? {
        if gathering, use == .together, let id = self.takeCommon() { return id }
        guard let best = self.leastBusy, self.mayTake(best, use) else { return nil }
        // As long as another connection may be opened, nobody queues behind a statement that may be waiting for a row.
        guard best.segments == 0 || self.slots.count >= self.limits.maximumConnections || self.outage != nil
        else { return nil }
        self.give(best, use)
        return best.id
    }

    /// Takes a connection on which nothing but inserts is under way, if there are enough of them.
    mutating func takeCommon() -> ConnectionID? {
        guard self.phase == .running, self.inserts.count >= Limits.commits else { return nil }
        let common = self.inserts.filter { id, inserts in
            guard case .open(segments: inserts, isExclusive: false) = self.slots[id] else { return false }
            return self.reservations[id] == nil
        }
        guard common.count >= Limits.commits, let best = common.min(by: { ($0.value, $0.key) < ($1.value, $1.key) }),
            best.value < self.insertsPerConnection
        else { return nil }
        self.give((best.key, best.value), .together)
        return best.key
    }

    /// Whether a connection is free enough.
    func mayTake(_ connection: (id: ConnectionID, segments: Int), _ use: Use) -> Bool {
        use != .exclusive
            || connection.segments == 0
                && self.exclusiveCount + self.reservations.count < self.limits.exclusiveConnections
    }

    /// The number of further connections that the waiting callers could use.
    var neededConnections: Int {
        let exclusive = self.requests.count { $0.use == .exclusive }
        let permitted = max(0, self.limits.exclusiveConnections - self.exclusiveCount)
        return self.requests.count - exclusive + min(exclusive, permitted)
    }

    /// Of those that anybody may use.
    var leastBusy: (id: ConnectionID, segments: Int)? {
        var best: (id: ConnectionID, segments: Int)?
        for (id, slot) in self.slots {
            guard case .open(let segments, isExclusive: false) = slot, self.reservations[id] == nil else { continue }
            if let best, (best.segments, best.id) < (segments, id) { continue }
            best = (id, segments)
        }
        return best
    }

    mutating func give(_ connection: (id: ConnectionID, segments: Int), _ use: Use) {
        switch use {
        case .shared: self.slots[connection.id] = .open(segments: connection.segments + 1, isExclusive: false)
        case .together:
            self.slots[connection.id] = .open(segments: connection.segments + 1, isExclusive: false)
            self.inserts[connection.id, default: 0] += 1
        case .exclusive: self.slots[connection.id] = .open(segments: connection.segments, isExclusive: true)
        }
    }

    /// Returns whether the connection is open.
    mutating func giveBack(_ id: ConnectionID, _ use: Use) -> Bool {
        guard case .open(let segments, let isExclusive) = self.slots[id] else { return false }
        switch use {
        case .shared: self.slots[id] = .open(segments: segments - 1, isExclusive: isExclusive)
        case .together:
            self.slots[id] = .open(segments: segments - 1, isExclusive: isExclusive)
            let inserts = self.inserts[id, default: 1] - 1
            self.inserts[id] = inserts > 0 ? inserts : nil
            self.insertsPerConnection = min(Limits.insertsPerCommit, self.insertsPerConnection + 1)
        case .exclusive: self.slots[id] = .open(segments: segments, isExclusive: false)
        }
        return true
    }

    mutating func open(_ actions: inout [Action]) {
        let id = self.nextConnection
        self.nextConnection += 1
        self.slots[id] = .opening
        actions.append(.open(id))
    }

    mutating func closeIdle(_ actions: inout [Action]) {
        for id in self.slots.keys.sorted() {
            if case .open(let segments, let isExclusive) = self.slots[id], segments > 0 || isExclusive { continue }
            actions.append(.close(id))
        }
    }

    mutating func finishIfEmpty(_ actions: inout [Action]) {
        guard self.phase == .closing, self.slots.isEmpty else { return }
        self.phase = .closed
        actions.append(.finished)
    }
}
