// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import NIOCore

/// What happens on one AMQP channel that nobody has asked for; called on the connection's event loop.
protocol ChannelDelegate: AnyObject {
    func received(_ method: ServerMethod)
    func received(_ message: IncomingMessage)
    /// All that has come in one go has been told.
    func readCompleted()
    /// More can be written, or less.
    func writabilityChanged()
    /// The broker takes no messages, or takes them again.
    func blockedChanged(_ isBlocked: Bool)
    /// The last call.
    func closed(_ failure: ConnectionFailure)
}

/// The answer to a request.
enum Reply: Sendable {
    case method(ServerMethod)
    case message(IncomingMessage)
}

/// One AMQP channel: requests are answered in order, everything else goes to the delegate.
///
/// Confined to the event loop.
final class AMQPChannel {
    let number: UInt16
    var assembler: ContentAssembler
    var delegate: (any ChannelDelegate)?
    private var replies: Deque<EventLoopPromise<Reply>> = []
    private(set) var failure: ConnectionFailure?

    init(number: UInt16, maximumBody: Int) {
        self.number = number
        self.assembler = ContentAssembler(maximumBody: maximumBody)
    }

    func expectReply(_ promise: EventLoopPromise<Reply>) {
        self.replies.append(promise)
    }

    func received(_ method: ServerMethod) {
        switch method {
        case .basicAck, .basicNack, .basicCancel:
            self.delegate?.received(method)
        default:
            self.replies.popFirst()?.succeed(.method(method))
        }
    }

    func received(_ message: IncomingMessage) {
        switch message.origin {
        case .fetched: self.replies.popFirst()?.succeed(.message(message))
        case .delivered, .returned: self.delegate?.received(message)
        }
    }

    /// Ends the channel: everyone who waits is told.
    func close(_ failure: ConnectionFailure) {
        guard self.failure == nil else { return }
        self.failure = failure
        let replies = self.replies
        self.replies = []
        for promise in replies { promise.fail(failure) }
        let delegate = self.delegate
        self.delegate = nil
        delegate?.closed(failure)
    }
}
