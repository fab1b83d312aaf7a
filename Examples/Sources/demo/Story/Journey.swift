// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// The way of one registration, from the request to the opened account: a pure state machine.
///
/// The request's own steps come from its task; those that follow carry the ordering key of the events, the user's id.
/// The parts run on several threads, so that an observer may hear of an effect before it hears of the cause: such a step
/// waits here until its cause has been reported.
struct Journey: Sendable {
    /// A step and when it was observed, measured from the request.
    struct Moment: Sendable, Hashable {
        let step: JourneyStep
        let time: Duration
    }

    /// The topic that nobody in the demo answers: its confirmation is the end.
    static let lastTopic: Topic = "payment.account.opened"

    private var key: String?
    private var waiting: [Moment] = []
    private var reported: [Moment] = []
    private var isAnswered = false
    private var isOpened = false
    private var hasFailed = false

    /// Whether nothing more is to come.
    var isOver: Bool { self.isAnswered && (self.isOpened || self.hasFailed) }

    /// The request's transaction has collected an event with an ordering key: that joins what follows to the request.
    mutating func learn(key: String) {
        self.key = self.key ?? key
    }

    /// Notes a step.
    ///
    /// - Parameters:
    ///   - moment: what has happened, and when.
    ///   - key: the ordering key of the message it happened to.
    ///   - isOwnTask: whether it happened in the request's task.
    /// - Returns: what is to be reported now, in order; empty when the step belongs to another journey or has to wait.
    mutating func note(_ moment: Moment, key: String?, isOwnTask: Bool) -> [Moment] {
        guard !self.isOver, isOwnTask || (key != nil && key == self.key) else { return [] }
        self.waiting.append(moment)
        let before = self.reported.count
        while let index = self.waiting.firstIndex(where: { self.isCaused($0.step) }) {
            let next = self.waiting.remove(at: index)
            self.reported.append(Moment(step: next.step, time: max(next.time, self.reported.last?.time ?? .zero)))
            self.apply(next.step)
        }
        return Array(self.reported[before...])
    }

    private mutating func apply(_ step: JourneyStep) {
        switch step {
        case .answered(let status):
            self.isAnswered = true
            self.hasFailed = !status.hasPrefix("201")
        case .acknowledged(Journey.lastTopic, .confirmed): self.isOpened = true
        default: break
        }
    }

    /// Whether what a step follows from has been reported.
    private func isCaused(_ step: JourneyStep) -> Bool {
        switch step {
        case .published(let topic, _):
            self.reported.contains { moment in
                if case .committed(_, let writes) = moment.step { writes.contains(.outbox(topic)) } else { false }
            }
        case .received(let topic, _), .acknowledged(let topic, _):
            self.reported.contains { if case .published(topic, _) = $0.step { true } else { false } }
        case .committed(_, let writes) where writes.contains(.inbox):
            self.reported.contains { if case .received = $0.step { true } else { false } }
        default: true
        }
    }
}
