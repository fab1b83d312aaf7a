// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule
import EventBus
import NIOCore

/// What happens when the broker does not answer in time.
extension PublishSession {
    /// Since when nothing is stored on the current channel although something waits for its answer, if there are other hosts.
    private var silentSince: NIODeadline? {
        guard self.hasOtherHosts, !self.handler.isBlocked, let channel = self.current,
            let deadline = channel.confirms.nextDeadline(self.sending(on: channel))
        else { return nil }
        return max(channel.lastStored, deadline - self.patience(on: channel))
    }

    /// When that will have been for too long.
    var silenceDeadline: NIODeadline? { self.silentSince.map { $0 + self.lane.watch.patienceWithNode } }

    /// Whether a message has waited for so long that an answer to another one is not the end of it, unless it has been stored.
    var isHeldUp: Bool {
        self.channels.contains { channel in
            guard let deadline = channel.confirms.nextDeadline(self.sending(on: channel)) else { return false }
            return self.now - (deadline - self.patience(on: channel)) >= ConfirmWatch.patienceAmongHosts
        }
    }

    func sending(on channel: PublishChannel) -> Confirms<PendingBatch>.Sending {
        let progress = self.handler.sending
        return .init(left: progress.left, deadline: progress.lastLeft + self.patience(on: channel))
    }

    func expire() {
        let (now, isBlocked) = (self.now, self.handler.isBlocked)
        // The end of the alarm begins all time limits anew.
        if isBlocked, self.lane.waitsWhileBlocked { return }
        while let head = self.waiting.first, head.deadline <= now {
            self.waiting.removeFirst()
            let reason = isBlocked ? "the broker accepts no messages" : "the broker is too slow"
            self.resolve(head.slot, .notSent(BusError(.unavailable, "RabbitMQ: \(reason)")))
        }
        if let since = self.silentSince, let deadline = self.silenceDeadline, deadline <= now {
            // If messages on other channels are stored, a queue is at fault, and not the node. That they are refused proves nothing.
            let answersOthers = self.handler.lastStored > since
            self.follow(
                self.lane.watch.silentNode(answersOthers: answersOthers, now: now),
                because: answersOthers
                    ? "nothing was confirmed, while other channels are answered"
                    : "the node confirmed nothing, and there are others"
            )
        }
        for channel in self.channels {
            let expired = channel.confirms.expire(now: now, self.sending(on: channel))
            self.resolve(expired)
            if !expired.isEmpty, !isBlocked, channel === self.current { self.lost(on: channel, now) }
        }
        self.turn()
    }

    /// A message was not answered in time.
    ///
    /// RabbitMQ can lose confirms.
    private func lost(on channel: PublishChannel, _ now: NIODeadline) {
        guard now - channel.lastStored >= self.patience(on: channel) else {
            // One queue is at fault, or one confirm is lost: a new channel costs other topics nothing.
            return self.follow(.replaceChannel, because: "the broker did not confirm a message")
        }
        self.follow(self.lane.watch.silent(), because: "the broker confirmed nothing")
    }
}
