// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Something that has just happened on the way of one registration; observed where it happens, never assumed.
enum JourneyStep: Sendable, Hashable {
    /// A request to register has come in.
    case requested(username: String, email: String)
    /// The module asks for the password's hash: what was typed keeps the rules and nobody has it yet.
    case validated
    /// The hasher has answered; the hash's parameters.
    case hashed(parameters: String)
    /// A transaction has committed.
    case committed(store: String, writes: [Write])
    /// The response is on its way.
    case answered(status: String)
    /// A relay hands a message to the bus.
    case published(Topic, body: String)
    /// The bus has reported the outcome.
    case acknowledged(Topic, Acknowledgement)
    /// A subscription has handed the message to its consumer.
    case received(Topic, subscription: SubscriptionName)

    /// What a transaction has written.
    enum Write: Sendable, Hashable {
        case row(table: String)
        case outbox(Topic)
        case inbox
    }

    /// The outcome of a publish.
    enum Acknowledgement: Sendable, Hashable {
        case confirmed
        case unroutable
        case failed(String)
    }
}
