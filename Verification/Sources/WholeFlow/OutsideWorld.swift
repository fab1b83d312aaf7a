// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import EventBusUsers
import Synchronization

/// What is outside all processes and outlives them: the requests of users and the fates of events.
final class OutsideWorld: Sendable {
    /// What the journal is asked to do.
    enum Wish: Sendable {
        case write(EntryWritten)
        case discard(EntryWritten)
        case swallow(EntryWritten)
    }

    private struct State: Sendable {
        var starts: [String: Int] = [:]
        var registered: [Identifier] = []
        var poisonedCommits = 0
        var isCured = false
    }

    struct HandlerFailed: Error {}

    let registrations: Requests<Registration>
    let wishes: Requests<Wish>
    /// What other programs publish.
    let notes: [Message]
    private let state = Mutex(State())

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed &* 0x9e37_79b9_7f4a_7c15)
        let names = (0..<2).map { "user\($0)" } + (random.below(3) == 0 ? ["USER1"] : [])
        self.registrations = Requests(
            names.map { Registration(username: $0, email: "\($0)@example.com", password: "correct horse") }
        )
        let wishes = (0..<4).map { number -> Wish in
            let fate = Fate.drawn(from: &random)
            let entry = EntryWritten(page: "page\(random.below(2))", text: "\(fate.rawValue) \(number)")
            switch random.below(12) {
            case 0: return .discard(entry)
            case 1: return .swallow(entry)
            default: return .write(entry)
            }
        }
        self.wishes = Requests(wishes)
        self.notes = Self.notes(seed: seed, &random)
    }

    /// In one of four runs other programs publish as well.
    private static func notes(seed: UInt64, _ random: inout SeededRandom) -> [Message] {
        guard random.below(4) == 0 else { return [] }
        let fates = (0..<8).map { _ in Fate.drawn(from: &random) }
        var notes = ForeignProducer(seed: seed)
            .messages(of: NoteTaken.topic, count: 2 + random.below(7), at: Stamp.next().time) {
                Array(#"{"text":"\#(fates[$0].rawValue) note \#($0)"}"#.utf8)
            }
        // A version that nobody knows is rare, since it is retried for a day.
        guard random.below(64) == 0 else { return notes }
        let unknown = notes[0].identity
        for place in notes.indices where notes[place].identity == unknown { notes[place].version = 99 }
        return notes
    }

    var hasUnknownNotes: Bool { self.notes.contains { $0.version > 1 } }
    var isDone: Bool { self.registrations.isDone && self.wishes.isDone }
    var registered: [Identifier] { self.state.withLock { $0.registered } }
    var poisonedCommits: Int { self.state.withLock { $0.poisonedCommits } }

    func register(_ user: Identifier) {
        self.state.withLock { $0.registered.append(user) }
    }

    func commitPoisoned() {
        self.state.withLock { $0.poisonedCommits += 1 }
    }

    /// From now on, no handler fails.
    func cure() {
        self.state.withLock { $0.isCured = true }
    }

    /// Lets a handler succeed, fail, hang or kill its process, according to the event's fate.
    func meet(
        _ consumer: SubscriptionName,
        _ message: Message,
        _ text: String,
        in process: SimulatedProcess
    ) async throws {
        guard let fate = Fate(text) else { return }
        let (start, isCured) = self.state.withLock { state in
            state.starts["\(consumer) \(message.identity)", default: 0] += 1
            return (state.starts["\(consumer) \(message.identity)", default: 0], state.isCured)
        }
        if isCured { return }
        switch fate {
        case .succeeds: return
        case .failsOnce where start > 1: return
        case .failsOnce, .failsAlways: throw HandlerFailed()
        case .killsOnce where start > 1: return
        case .killsOnce, .killsAlways:
            process.die("by its handler of \(message.topic)")
            throw HandlerFailed()
        case .hangs: try await process.clock.sleep(for: Self.forever)
        case .swallowsCancellation: try? await process.clock.sleep(for: Self.forever)
        case .blocks: await process.hang(for: .seconds(1200))
        case .needsLostStore: throw RepositoryError(.unavailable, "the store of another module is away")
        case .losesAlways:
            process.failTransaction(with: RepositoryError(.serialization, "another transaction has changed the row"))
        case .isSlowAlways:
            process.failTransaction(with: RepositoryError(.timedOut, "the store has not answered in time"))
        case .isRefused:
            process.failTransaction(with: RepositoryError(.database, "a trigger refuses the row"))
        }
    }

    private static let forever = Duration.seconds(1_000_000)
}

/// What an event does to its handlers.
enum Fate: String, CaseIterable {
    case succeeds, failsOnce, failsAlways, killsOnce, killsAlways
    /// Waits until it is cancelled; waits and then goes on as if it had not been; waits and does not even notice it.
    case hangs, swallowsCancellation, blocks
    /// Uses another store, which is away.
    case needsLostStore
    /// Their transactions always lose against others, take too long, or are refused by the database.
    case losesAlways, isSlowAlways, isRefused

    static func drawn(from random: inout SeededRandom) -> Fate {
        guard random.below(100) >= 70 else { return .succeeds }
        let fate = Self.allCases[random.below(Self.allCases.count)]
        // Its transactions are tried for minutes, which takes long to simulate.
        return fate == .isSlowAlways && random.below(8) > 0 ? .failsOnce : fate
    }

    init?(_ text: String) {
        guard let word = text.split(separator: " ").first else { return nil }
        self.init(rawValue: String(word))
    }
}
