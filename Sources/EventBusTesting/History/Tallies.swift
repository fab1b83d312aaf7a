// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// The committed events of a history, in order.
struct Commits {
    struct Event {
        let id: EventIdentity
        let topic: Topic
        let key: String?
    }

    private(set) var events: [Event] = []
    /// The index of an event in ``events``, by its identity.
    private(set) var places: [EventIdentity: Int] = [:]
    /// Messages that were published before they were committed, or without having been.
    private(set) var violations: [Violation] = []

    init(_ records: [History.Record]) {
        var early: Set<EventIdentity> = []
        for record in records {
            switch record.what {
            case .committed(let id, let topic, let key):
                self.places[id] = self.events.count
                self.events.append(Event(id: id, topic: topic, key: key))
            case .published(let id, _) where self.places[id] == nil && early.insert(id).inserted:
                self.violations.append(Violation("invented", nil, id, "was published and had not been committed"))
            default:
                break
            }
        }
    }
}

/// What a history says about the messages of one consumer.
struct ConsumerTally {
    private(set) var messages: [EventIdentity: MessageTally] = [:]
    /// In the same order in every run.
    private(set) var sorted: [(key: EventIdentity, value: MessageTally)] = []

    /// - Parameter records: of the consumer.
    init(_ records: [History.Record]) {
        for record in records {
            switch record.what {
            case .delivered(_, let id, let failures, let returns, let redrives):
                self.messages[id, default: MessageTally()].delivered(failures, returns, redrives)
            case .claimed(_, let id): self.messages[id, default: MessageTally()].claimed += 1
            case .started(_, let id): self.messages[id, default: MessageTally()].started += 1
            case .unfinished(_, let id): self.messages[id, default: MessageTally()].unfinished += 1
            case .givenBack(_, let id): self.messages[id, default: MessageTally()].givenBack += 1
            case .copied(_, let id): self.messages[id, default: MessageTally()].copied += 1
            case .handled(_, let id): self.messages[id, default: MessageTally()].handled += 1
            case .effect(_, let id): self.messages[id, default: MessageTally()].effects += 1
            case .settled(_, let id, .deadLetter):
                self.messages[id, default: MessageTally()].deadVerdicts += 1
                if self.messages[id, default: MessageTally()].handled > 0 {
                    self.messages[id, default: MessageTally()].lateDeadVerdicts += 1
                }
            case .deadLettered(_, let id, let reason, let attempts):
                self.messages[id, default: MessageTally()].deadLetters.append((reason, attempts))
            default: break
            }
        }
        self.sorted = self.messages.sorted { $0.key < $1.key }
    }
}

/// What a history says about one message at one consumer.
struct MessageTally {
    var claimed = 0
    var started = 0
    var unfinished = 0
    /// How often it was given back; a start may have been counted just before, and was not made.
    var givenBack = 0
    /// How often a copy was left beside it; starts of the two are not told apart when one of them is undone.
    var copied = 0
    var handled = 0
    var effects = 0
    var deadVerdicts = 0
    /// Dead-letter verdicts after the message had been handled.
    var lateDeadVerdicts = 0
    var deadLetters: [(reason: String, attempts: Int)] = []
    /// How often a fresh copy was delivered, by the number of redrives.
    private(set) var firsts: [Int: Int] = [:]
    private(set) var returns = 0
    private(set) var redrives = 0

    /// Starts that count as attempts.
    var starts: Int { self.started - self.unfinished }

    /// Whether deliveries are recorded.
    var isTraced: Bool { !self.firsts.isEmpty }

    /// Whether the message never came back without a verdict and existed only once.
    var isUndisturbed: Bool { self.returns == 0 && self.firsts.values.allSatisfy { $0 == 1 } }

    mutating func delivered(_ failures: Int, _ returns: Int, _ redrives: Int) {
        self.firsts[redrives, default: 0] += failures == 0 && returns == 0 ? 1 : 0
        self.returns += returns
        self.redrives = max(self.redrives, redrives)
    }
}
