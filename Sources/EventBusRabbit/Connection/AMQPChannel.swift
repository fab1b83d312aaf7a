// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import NIOCore

/// Receives what happens on one AMQP channel apart from replies; called on the connection's event loop.
protocol ChannelDelegate: AnyObject {
    func received(_ method: ServerMethod)
    func received(_ message: IncomingMessage)
    /// Everything that one read brought has been passed on.
    func readCompleted()
    /// The socket can take more, or no more for now.
    func writabilityChanged()
    /// The socket has taken bytes that had waited for it, between these positions; see ``SendProgress``.
    func bytesLeft(after: Int, upTo: Int)
    /// The broker has stopped accepting messages, or accepts them again.
    func blockedChanged(_ isBlocked: Bool)
    /// The last call.
    func closed(_ failure: ConnectionFailure)
}

extension ChannelDelegate {
    func writabilityChanged() {}

    func bytesLeft(after: Int, upTo: Int) {}

    func blockedChanged(_ isBlocked: Bool) {}
}

/// The answer to a request.
enum Reply: Sendable {
    case method(ServerMethod)
    case message(IncomingMessage)
}

/// One AMQP channel: replies go to requests in order, everything else goes to the delegate.
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

    /// Ends the channel: open requests fail, and the delegate is informed.
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
