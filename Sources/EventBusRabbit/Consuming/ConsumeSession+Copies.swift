// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import NIOCore

extension ConsumeSession {
    func copy(_ message: OutgoingMessage, for tag: UInt64, isMove: Bool = false) {
        self.copies[tag] = Copy(message: message, isMove: isMove)
        self.unsentCopies.append(tag)
    }

    /// Hands copies to the publishing connection, so that an alarm of the broker cannot stop acknowledgements.
    func sendCopies() {
        guard !self.unsentCopies.isEmpty else { return }
        let tags = self.unsentCopies.filter { self.copies[$0] != nil }
        self.unsentCopies = []
        guard !tags.isEmpty else { return }
        let session = NIOLoopBound(self, eventLoop: self.eventLoop)
        let eventLoop = self.eventLoop
        let batch = PublishBatch(
            messages: tags.compactMap { self.copies[$0].map { .copy($0.message) } },
            sink: .each { outcomes in
                eventLoop.execute {
                    session.value.copied(outcomes.map { (tags[$0.index], $0.outcome) })
                }
            }
        )
        self.copyQueue.submit(batch)
    }

    private func copied(_ outcomes: [(tag: UInt64, outcome: PublishOutcome)]) {
        guard self.failure == nil else { return }
        var problem: PublishOutcome?
        for (tag, outcome) in outcomes {
            guard outcome.isConfirmed else {
                problem = outcome
                self.failedCopies.append(tag)
                continue
            }
            self.backoff.reset()
            if self.copies.removeValue(forKey: tag)?.isMove == true { self.gate.moveEnded() }
            self.forget(tag)
        }
        if let problem { self.sendAgainLater(problem) }
        self.writeAcknowledgements()
        self.finishFlushes()
        self.step()
    }

    private func sendAgainLater(_ outcome: PublishOutcome) {
        let pause = self.backoff.next() * Double.random(in: 0...1)
        self.logger.info(
            "A copy for a retry, quarantine or dead-letter queue was not confirmed and is sent again",
            metadata: [
                "eventbus.subscription": "\(self.subscription.name)",
                "eventbus.outcome": "\(outcome)",
                "eventbus.pause": "\(pause)",
            ]
        )
        let tags = self.failedCopies
        self.failedCopies = []
        _ = self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(pause)) {
            guard self.failure == nil else { return }
            self.unsentCopies += tags
            self.sendCopies()
        }
    }
}
