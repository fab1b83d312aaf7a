// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// The way of one registration, from the request to the opened account: a pure state machine.
///
/// The request's own steps come from its task; those that follow carry the ordering key of the events, the user's id.
struct Journey: Sendable {
    /// The topic that nobody in the demo answers: its confirmation is the end.
    static let lastTopic: Topic = "payment.account.opened"

    /// What joins the events to the request; known once the request's transaction has collected an event.
    private(set) var key: String?
    private var isAnswered = false
    private var isOpened = false
    private var hasFailed = false

    /// Whether nothing more is to come.
    var isOver: Bool { self.isAnswered && (self.isOpened || self.hasFailed) }

    /// Takes in a step.
    ///
    /// - Parameters:
    ///   - step: what has happened.
    ///   - key: the ordering key of the message it happened to.
    ///   - isOwnTask: whether it happened in the request's task.
    /// - Returns: whether the step belongs to this journey.
    mutating func note(_ step: Step, key: String?, isOwnTask: Bool) -> Bool {
        guard !self.isOver, isOwnTask || (key != nil && key == self.key) else { return false }
        switch step {
        case .committed where isOwnTask: self.key = key
        case .answered(let status):
            self.isAnswered = true
            self.hasFailed = !status.hasPrefix("201")
        case .acknowledged(Journey.lastTopic, .confirmed): self.isOpened = true
        default: break
        }
        return true
    }
}
