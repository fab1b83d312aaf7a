// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPayments
import EventBusPersistence
public import EventBusTesting
import EventBusUsers

/// The whole system under faults: one or two instances each of the user service, the payment service and a journal whose effects
/// are not idempotent, over one bus and three stores.
public enum WholeFlow {
    /// The longest of 10,000 seeds takes a sixth of it.
    private static let mostSteps = 200_000

    /// Runs the system with a seed and all faults.
    public static func run(seed: UInt64) -> SimulationRun {
        Simulation.check(seed: seed, steps: Self.mostSteps) { try await Self.run(in: $0) }
    }

    /// Runs the system until no work is left and judges what became of every event.
    ///
    /// - Returns: the promises that were broken.
    public static func run(in simulation: Simulation) async throws -> [Violation] {
        let world = OutsideWorld(seed: simulation.seed)
        try await Self.declareSubscriptions(in: simulation)
        Self.startUsers(world, in: simulation)
        Self.startPayments(in: simulation)
        Self.startJournal(world, in: simulation)
        if !world.notes.isEmpty { simulation.start("another program", publishing: world.notes) }
        // What hangs, or what nobody knows, is given up much later than what fails.
        try await simulation.finish(within: .seconds(world.hasUnknownNotes ? 2 * 86400 : 6 * 3600)) { world.isDone }
        if simulation.seed % 3 == 0 { try await Self.redriveDeadLetters(world, in: simulation) }
        try await Self.recordResults(in: simulation)
        return try Self.checker(simulation.seed).violations(in: simulation.history) + Self.unkept(world, in: simulation)
    }

    private static func checker(_ seed: UInt64) -> HistoryChecker { self.checkers[seed % 2 == 0 ? 0 : 1] }

    /// With single events and with batches of payments.
    private static let checkers = [1, 4].map { batch in
        HistoryChecker([
            .init(Payments.subscription, topics: ["user.created"], hasEffects: true, workers: 2 * batch),
            .init(
                Journal.pages,
                topics: [EntryWritten.topic],
                ordering: .perKey,
                attempts: Journal.retry.attempts,
                hasEffects: true,
                workers: 2
            ),
            .init(
                Journal.totals,
                topics: [EntryWritten.topic],
                attempts: Journal.retry.attempts,
                hasEffects: true,
                workers: 8
            ),
            .init(Journal.accounts, topics: [AccountOpened.topic], hasEffects: true, workers: 1),
            .init(
                Journal.notes,
                topics: [NoteTaken.topic],
                attempts: Journal.retry.attempts,
                hasEffects: true,
                workers: 1
            ),
        ])
    }

    // MARK: The processes

    /// One or two, so that eight successive seeds cover all combinations.
    private static func instances(_ bit: UInt64, _ seed: UInt64) -> Int { seed & bit == 0 ? 2 : 1 }

    private static func startUsers(_ world: OutsideWorld, in simulation: Simulation) {
        simulation.start("users", instances: Self.instances(1, simulation.seed)) { process in
            let store = process.store("users")
            let users = Users(store: store, hasher: PlainHasher())
            let desk = Desk(requests: world.registrations, process: process, pause: .milliseconds(20)) { registration in
                do {
                    world.register(try await users.register(registration).id)
                } catch is RegistrationError {
                    // An answer too: the name is taken, perhaps by this request's own commit whose answer was lost.
                }
            }
            return [desk, OutboxRelay(from: store, to: process.bus, batch: 4, clock: process.clock)]
        }
    }

    private static func startPayments(in simulation: Simulation) {
        let batch = simulation.seed % 2 == 0 ? 1 : 4
        simulation.start("payments", instances: Self.instances(2, simulation.seed)) { process in
            let store = process.store("payments")
            return [
                Payments(store: store).consumer(
                    on: process.bus,
                    batch: batch,
                    options: ConsumerOptions(prefetch: 8, concurrency: 2),
                    clock: process.clock
                ),
                OutboxRelay(from: store, to: process.bus, clock: process.clock),
            ]
        }
    }

    private static func startJournal(_ world: OutsideWorld, in simulation: Simulation) {
        simulation.start("journal", instances: Self.instances(4, simulation.seed)) { process in
            let store = process.store("journal")
            let journal = Journal(store: store)
            let desk = Desk(requests: world.wishes, process: process, pause: .milliseconds(30)) { wish in
                switch wish {
                case .write(let entry): try await journal.write(entry)
                case .discard(let entry): try await journal.discard(entry)
                case .swallow(let entry):
                    if try await !journal.swallow(entry) { world.commitPoisoned() }
                }
            }
            let consumers = journal.consumers(on: process.bus, hasNotes: !world.notes.isEmpty, clock: process.clock) {
                try await world.meet($0, $1, $2, in: process)
            }
            return [desk, OutboxRelay(from: store, to: process.bus, clock: process.clock)] + consumers
        }
    }

    /// Subscriptions exist long before the first event, as in a deployment.
    private static func declareSubscriptions(in simulation: Simulation) async throws {
        let subscriptions = [
            try Subscription(Payments.subscription, patterns: ["user.created"]),
            try Subscription(Journal.pages, patterns: [TopicPattern(EntryWritten.topic)], ordering: .perKey),
            try Subscription(Journal.totals, patterns: [TopicPattern(EntryWritten.topic)]),
            try Subscription(Journal.accounts, patterns: [TopicPattern(AccountOpened.topic)]),
            try Subscription(Journal.notes, patterns: [TopicPattern(NoteTaken.topic)]),
        ]
        for subscription in subscriptions {
            try await simulation.bus.withDeliveries(to: subscription) { _ in }
        }
    }

    // MARK: The end

    /// An operator redrives all dead letters, and tries again when the connection breaks.
    private static func redriveDeadLetters(_ world: OutsideWorld, in simulation: Simulation) async throws {
        world.cure()
        let redrives = Requests([Journal.pages, Journal.totals, Journal.notes])
        simulation.start("operator") { process in
            [Desk(requests: redrives, process: process, pause: .seconds(1)) { _ = try await process.bus.redrive($0) }]
        }
        try await simulation.finish(within: .seconds(2 * 86400)) { redrives.isDone }
    }

    /// Records the effects and dead letters at the end.
    private static func recordResults(in simulation: Simulation) async throws {
        let history = simulation.history
        for line in try simulation.entities(of: Line.self, in: "journal") where line.consumer != "writer" {
            history.record(.effect(try SubscriptionName(line.consumer), line.event), at: "journal")
        }
        var events: [String: EventIdentity] = [:]
        for case .committed(let event, "user.created", let key?) in history.records.map(\.what) { events[key] = event }
        for account in try simulation.entities(of: PaymentAccount.self, in: "payments") {
            let event = events["\(account.owner)"] ?? EventIdentity(source: "nowhere", id: "owner \(account.owner)")
            history.record(.effect(Payments.subscription, event), at: "payments")
        }
        try await simulation.recordDeadLetters(
            of: Payments.subscription,
            Journal.pages,
            Journal.totals,
            Journal.accounts,
            Journal.notes
        )
    }

    /// Answers that turned out to be wrong.
    private static func unkept(_ world: OutsideWorld, in simulation: Simulation) throws -> [Violation] {
        let users = Set(try simulation.entities(of: User.self, in: "users").map(\.id))
        var violations = world.registered.filter { !users.contains($0) }.map {
            Violation("lost", nil, nil, "user \($0) was registered, and there is no such user")
        }
        if world.poisonedCommits > 0 {
            violations.append(Violation("invented", nil, nil, "a transaction whose write had failed was committed"))
        }
        return violations
    }
}

/// A hasher that does not hash, which costs nothing.
struct PlainHasher: PasswordHasher {
    func hash(_ password: String) async throws -> String { "$plain$" }
    func verify(_ password: String, against hash: String) async throws -> Bool { false }
}
