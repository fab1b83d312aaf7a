// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// One AMQP channel of a ``PublishSession``, with the messages that wait for its answers.
///
/// Confined to the event loop.
final class PublishChannel: ChannelDelegate {
    let channel: AMQPChannel
    private let session: PublishSession
    var confirms = Confirms<PendingBatch>()
    private(set) var lastAnswer: NIODeadline
    /// Whether the channel took the place of a silent one and has not answered yet.
    private(set) var isOnProbation: Bool

    init(_ channel: AMQPChannel, of session: PublishSession, isOnProbation: Bool) {
        self.channel = channel
        self.session = session
        self.isOnProbation = isOnProbation
        self.lastAnswer = session.now
        channel.delegate = self
    }

    func received(_ method: ServerMethod) {
        switch method {
        case .basicAck(let tag, let multiple):
            self.session.answered(self.confirms.acknowledged(tag, multiple: multiple), on: self)
        case .basicNack(let tag, let multiple):
            self.session.answered(self.confirms.refused(tag, multiple: multiple), on: self)
        default: return
        }
        self.lastAnswer = self.session.now
        self.isOnProbation = false
    }

    func received(_ message: IncomingMessage) {
        guard message.origin == .returned else { return }
        let id = message.text(at: message.places.messageID)
        self.confirms.returned(ReturnKey(messageID: id, exchange: message.exchange, routingKey: message.routingKey))
    }

    func readCompleted() { self.session.turn() }

    func writabilityChanged() { self.session.turn() }

    func bytesLeft(after: Int, upTo: Int) {
        self.confirms.bytesLeft(after: after, upTo: upTo, deadline: self.session.deadline(on: self))
    }

    func blockedChanged(_ isBlocked: Bool) { self.session.blockedChanged() }

    func closed(_ failure: ConnectionFailure) { self.session.closed(self, failure) }
}
