// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
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
    private let state = Mutex(State())

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed &* 0x9e37_79b9_7f4a_7c15)
        let names = (0..<2).map { "user\($0)" } + (random.below(3) == 0 ? ["USER1"] : [])
        self.registrations = Requests(
            names.map { Registration(username: $0, email: "\($0)@example.com", password: "correct horse") }
        )
        let wishes = (0..<4).map { number -> Wish in
            let fate = Fate.allCases[random.below(100) < 70 ? 0 : random.below(Fate.allCases.count)]
            let entry = EntryWritten(page: "page\(random.below(2))", text: "\(fate.rawValue) \(number)")
            switch random.below(12) {
            case 0: return .discard(entry)
            case 1: return .swallow(entry)
            default: return .write(entry)
            }
        }
        self.wishes = Requests(wishes)
    }

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

    /// Lets a handler succeed, fail or kill its process, according to the event's fate.
    func meet(_ consumer: SubscriptionName, _ message: Message, _ text: String, in process: SimulatedProcess) throws {
        guard let fate = Fate(text) else { return }
        let (start, isCured) = self.state.withLock { state in
            state.starts["\(consumer) \(message.id)", default: 0] += 1
            return (state.starts["\(consumer) \(message.id)", default: 0], state.isCured)
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
        }
    }
}

/// What an event does to its handlers.
enum Fate: String, CaseIterable {
    case succeeds, failsOnce, failsAlways, killsOnce, killsAlways

    init?(_ text: String) {
        guard let word = text.split(separator: " ").first else { return nil }
        self.init(rawValue: String(word))
    }
}
