// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Told what happens on a ``PublishChannel``.
protocol PublishChannelOwner: AnyObject {
    var now: NIODeadline { get }
    /// Until when a message is to be answered that leaves now.
    func deadline(on channel: PublishChannel) -> NIODeadline
    func answered(_ resolutions: [Confirms<PendingBatch>.Resolution], on channel: PublishChannel)
    /// Something has changed for everything that waits.
    func turn()
    func blockedChanged()
    func closed(_ channel: PublishChannel, _ failure: ConnectionFailure)
}

/// One AMQP channel for publishing, with the messages that wait for its answers.
///
/// Confined to the event loop.
final class PublishChannel: ChannelDelegate {
    let channel: AMQPChannel
    private let owner: any PublishChannelOwner
    var confirms = Confirms<PendingBatch>()
    /// When the broker has last said that a queue has stored a message; at first, when the channel was opened.
    ///
    /// Other answers prove little: a node that is cut off from the majority of its cluster routes messages by what it knows itself, so
    /// it confirms those at once that nobody has subscribed to.
    var lastStored: NIODeadline
    /// Whether the channel took the place of a silent one and has not answered yet.
    private(set) var isOnProbation: Bool

    init(_ channel: AMQPChannel, of owner: any PublishChannelOwner, isOnProbation: Bool) {
        self.channel = channel
        self.owner = owner
        self.isOnProbation = isOnProbation
        self.lastStored = owner.now
        channel.delegate = self
    }

    func received(_ method: ServerMethod) {
        switch method {
        case .basicAck(let tag, let multiple):
            self.owner.answered(self.confirms.acknowledged(tag, multiple: multiple), on: self)
        case .basicNack(let tag, let multiple):
            self.owner.answered(self.confirms.refused(tag, multiple: multiple), on: self)
        default: return
        }
        self.isOnProbation = false
    }

    func received(_ message: IncomingMessage) {
        guard message.origin == .returned else { return }
        let id = message.text(at: message.places.messageID)
        let key = ReturnKey(messageID: id, exchange: message.exchange, routingKey: message.routingKey)
        self.confirms.returned { $0.message.returnKey == key }
    }

    func readCompleted() { self.owner.turn() }

    func writabilityChanged() { self.owner.turn() }

    func bytesLeft(after: Int, upTo: Int) {
        self.confirms.bytesLeft(after: after, upTo: upTo, deadline: self.owner.deadline(on: self))
    }

    func blockedChanged(_ isBlocked: Bool) { self.owner.blockedChanged() }

    func closed(_ failure: ConnectionFailure) { self.owner.closed(self, failure) }
}
