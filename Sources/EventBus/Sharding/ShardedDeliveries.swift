// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The deliveries of all shards of a subscription as those of one.
///
/// Each shard keeps its order. One that is lost ends all of them if something of it is out, since its handlers must be cancelled.
final class ShardedDeliveries: Deliveries {
    /// The open scope of a shard.
    private struct Opening: Sendable {
        /// Tells it from earlier and later ones of the same shard.
        let number: Int
        let deliveries: any Deliveries
        /// How many verdicts were given, and how many of them have been carried out for sure.
        var settled = 0
        var flushed = 0
    }

    private struct State: Sendable {
        /// Whether nothing more is to be handed out or handed over.
        var isOver: Bool { self.isEnded || self.failure != nil }

        var desk: ShardDesk
        var balance: ShardBalance
        var open: [Int: Opening] = [:]
        /// The shards that could not be opened, or were lost; each is tried again.
        var troubles: Set<Int> = []
        var openings = 0
        var isStopped = false
        /// The scope has ended, and with it those of all shards.
        var isEnded = false
        var failure: (any Error)?

        /// In the order of the shards, as simulations need it.
        var inOrder: [(shard: Int, opening: Opening)] {
            self.open.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }

        mutating func close(_ shard: Int) {
            self.open[shard] = nil
            self.desk.left(shard)
        }
    }

    private let shards: Int
    /// The waiting tasks are those of shards whose scope is to stay open.
    private let list: WaitList<State, Int, Void>
    private let arrival = Signal()
    private let opening = Signal()
    private let ending = Signal()
    /// One for each shard, which only the task that hands it over waits for.
    private let settling: [Signal]

    init(shards: Int) {
        self.shards = shards
        self.list = WaitList(State(desk: ShardDesk(shards: shards), balance: ShardBalance(shards: shards)))
        self.settling = (0..<shards).map { _ in Signal() }
    }

    // MARK: For the consumer

    var executor: (any TaskExecutor)? { self.list.withLock { $0.open.values.first?.deliveries.executor } }

    func next() async throws -> [Delivery]? {
        while true {
            try Task.checkCancellation()
            let deliveries: [Delivery]? = try self.list.withLock { state in
                if let failure = state.failure { return Result<[Delivery]?, any Error>.failure(failure) }
                return .success(state.isStopped ? nil : state.desk.handOut())
            }.get()
            guard let deliveries else { return nil }
            if !deliveries.isEmpty { return deliveries }
            await self.arrival.wait()
        }
    }

    func settle(_ delivery: Delivery.ID, _ verdict: Verdict) {
        let found = self.list.withLock { state in
            state.desk.shard(of: delivery).flatMap { shard in state.open[shard].map { (shard, $0) } }
        }
        guard let (shard, opening) = found else { return }
        opening.deliveries.settle(delivery, verdict)
        // Afterwards: a flush that has begun before may not count it.
        self.change(opening, of: shard) { $0.settled += 1 }
        // Not before: the shard may be handed over as soon as nothing of it is out.
        self.ended([delivery])
    }

    /// Stops handing out; the scope of each shard ends when everything of it that was started is settled.
    func stop() {
        let open = self.list.withLock { state in
            state.isStopped = true
            for shard in state.open.keys { state.desk.hold(shard) }
            return state.inOrder.map(\.opening.deliveries)
        }
        for deliveries in open { deliveries.stop() }
        self.raiseAll()
    }

    /// Copies of ordered messages would be overtaken: they go back in order when the scope of their shard ends.
    func giveBack(_ deliveries: [Delivery.ID]) { self.ended(deliveries) }

    private func ended(_ deliveries: [Delivery.ID]) {
        let drained = self.list.withLock { state in Set(deliveries.compactMap { state.desk.ended($0) }) }
        for shard in drained { self.settling[shard].raise() }
    }

    func flush() async throws {
        try Task.checkCancellation()
        if let failure = self.list.withLock({ $0.failure }) { throw failure }
        // The loss of a shard that has nothing to carry out does not concern the caller.
        for (shard, opening) in self.list.withLock({ $0.inOrder }) where opening.flushed < opening.settled {
            do {
                try await opening.deliveries.flush()
                self.change(opening, of: shard) { $0.flushed = max($0.flushed, opening.settled) }
            } catch {
                // One that has ended meanwhile was flushed before, or had nothing out.
                if self.list.withLock({ $0.open[shard]?.number == opening.number }) { throw error }
            }
        }
    }

    /// Changes an opening unless it has ended.
    private func change(_ opening: Opening, of shard: Int, _ body: (inout Opening) -> Void) {
        self.list.withLock { state in
            guard var current = state.open[shard], current.number == opening.number else { return }
            body(&current)
            state.open[shard] = current
        }
    }

    // MARK: For the scope

    /// Whether a shard that is not open is to be opened.
    var mayOpen: Bool { self.list.withLock { !$0.isOver && !$0.isStopped } }

    /// Waits until a shard is open.
    ///
    /// - Throws: why none could be opened; `CancellationError`.
    func untilOpen() async throws {
        while true {
            try Task.checkCancellation()
            let isOpen = try self.list.withLock { state in
                if let failure = state.failure { return Result<Bool, any Error>.failure(failure) }
                return .success(!state.open.isEmpty)
            }.get()
            if isOpen { return }
            await self.opening.wait()
        }
    }

    /// - Returns: `false` if it is too late, and the shard's scope is to end.
    func opened(_ shard: Int, _ deliveries: any Deliveries) -> Bool {
        let isInTime = self.list.withLock { state in
            guard !state.isEnded, !state.isStopped else { return false }
            state.openings += 1
            state.open[shard] = Opening(number: state.openings, deliveries: deliveries)
            state.troubles.remove(shard)
            return true
        }
        self.opening.raise()
        return isInTime
    }

    func arrived(_ deliveries: [Delivery], from shard: Int) {
        self.list.withLock { state in
            // What arrives while the shard's scope ends goes back with it, and is no sign that this is the active consumer.
            guard state.open[shard] != nil else { return }
            state.desk.arrived(deliveries, from: shard)
            state.balance.delivered(from: shard)
        }
        self.arrival.raise()
    }

    /// A shard could not be opened, or its scope is lost.
    ///
    /// If nothing of it is out no handler can be at work on it: it alone is opened again, and the others go on.
    func lost(_ shard: Int, _ error: any Error) {
        self.list.change { state, waiters in
            state.troubles.insert(shard)
            let isHopeless = (error as? BusError)?.code == .topologyMismatch || state.troubles.count == self.shards
            if isHopeless || state.desk.isOut(shard) {
                state.failure = state.failure ?? error
            } else if state.open[shard] != nil {
                state.close(shard)
                state.balance.lost(shard)
                waiters.resumeAll(returning: ()) { $0 == shard }
            }
        }
        self.raiseAll()
    }

    /// Nothing more can be handed out.
    func fail(_ error: any Error) {
        self.list.withLock { $0.failure = $0.failure ?? error }
        self.raiseAll()
    }

    private func raiseAll() {
        for signal in [self.arrival, self.opening, self.ending] + self.settling { signal.raise() }
    }

    /// Waits until a shard is handed over or the scope has ended, also in a cancelled task: until then handlers may be running.
    func untilReleased(_ shard: Int) async {
        await self.list.waitIgnoringCancellation { state, _ in
            state.isEnded || state.open[shard] == nil ? .answer(()) : .wait(shard)
        }
    }

    /// Ends the scopes of all shards.
    func end() {
        let open = self.list.change { state, waiters in
            state.isEnded = true
            waiters.resumeAll(returning: ())
            return state.inOrder.map(\.opening.deliveries)
        }
        for deliveries in open { deliveries.stop() }
        self.raiseAll()
    }

    // MARK: Balance

    /// Waits for the time of the next look; `false` if there will be none.
    func untilLook(at time: Duration, on clock: RelativeClock) async -> Bool {
        while self.mayOpen, !Task.isCancelled {
            guard clock.now() < time else { return true }
            await self.ending.wait(until: time, on: clock)
        }
        return false
    }

    /// Decides which shards to hand over, and holds them.
    func look(instances: Int) -> [ShardBalance.Move] {
        self.list.withLock { state in
            guard !state.isOver, !state.isStopped else { return [] }
            var moves: [ShardBalance.Move] = []
            for move in state.balance.look(instances: instances) {
                if state.open[move.shard] == nil {
                    state.balance.left(move.shard)
                } else {
                    state.desk.hold(move.shard)
                    moves.append(move)
                }
            }
            return moves
        }
    }

    /// After a stop, the shards to let go that are not being handed over already.
    var rest: [Int] {
        self.list.withLock { state in
            guard state.isStopped, !state.isOver else { return [] }
            return state.open.keys.filter { !state.balance.leaving.contains($0) }.sorted()
        }
    }

    /// Hands a shard over that is held, as soon as nothing of it is out; if that takes too long, it stays.
    ///
    /// After a stop there is no other use for it, and no limit.
    func handOver(_ shard: Int, until deadline: Duration, on clock: RelativeClock) async {
        while !Task.isCancelled {
            let (mustWait, isStopped) = self.list.withLock { state in
                (!state.isOver && state.open[shard] != nil && !state.desk.isDrained(shard), state.isStopped)
            }
            guard mustWait, isStopped || clock.now() < deadline else { break }
            await self.settling[shard].wait(until: isStopped ? nil : deadline, on: clock)
        }
        let opening = self.list.withLock { !$0.isOver && $0.desk.isDrained(shard) ? $0.open[shard] : nil }
        // What is given to the bus before the shard's scope ends cannot be overtaken afterwards.
        if let opening, (try? await opening.deliveries.flush()) != nil {
            self.list.change { state, waiters in
                state.balance.left(shard)
                guard state.open[shard]?.number == opening.number else { return }
                state.close(shard)
                waiters.resumeAll(returning: ()) { $0 == shard }
            }
            opening.deliveries.stop()
        } else {
            self.list.withLock { state in
                guard state.open[shard] != nil else { return state.balance.left(shard) }
                if !state.isStopped { state.desk.letGo(shard) }
                state.balance.stayed(shard)
            }
            self.arrival.raise()
        }
    }
}
