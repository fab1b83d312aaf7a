// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import NIOCore

/// Sends the copies of one subscription on the publishing connection, so that an alarm of the broker cannot stop acknowledgements.
///
/// Confined to the event loop.
final class CopySender {
    private var copies = PendingCopies()
    private let queue: PublishQueue
    private let eventLoop: any EventLoop
    private let logger: Logger
    /// Called after every answer, with the deliveries whose copies are confirmed.
    var onAnswer: (([UInt64]) -> Void)?

    /// - Parameter logger: its metadata names the subscription.
    init(_ queue: PublishQueue, _ eventLoop: any EventLoop, _ logger: Logger) {
        self.queue = queue
        self.eventLoop = eventLoop
        self.logger = logger
    }

    /// Whether every copy has been confirmed.
    var isIdle: Bool { self.copies.isEmpty }

    /// Adds a copy, which the next ``send()`` sends.
    func add(_ copy: OutgoingMessage, for tag: UInt64) {
        self.copies.add(copy, for: tag)
    }

    func send() {
        let unsent = self.copies.takeUnsent()
        guard !unsent.isEmpty else { return }
        let (tags, eventLoop) = (unsent.map(\.tag), self.eventLoop)
        let sender = NIOLoopBound(self, eventLoop: eventLoop)
        let batch = PublishBatch(
            messages: unsent.map { .copy($0.copy) },
            sink: .each { outcomes in
                eventLoop.execute { sender.value.answered(outcomes.map { (tags[$0.index], $0.outcome) }) }
            }
        )
        self.queue.submit(batch)
    }

    /// The deliveries are gone: sends nothing more and reports nothing.
    func close() {
        self.copies.removeAll()
        self.onAnswer = nil
    }

    private func answered(_ outcomes: [(tag: UInt64, outcome: PublishOutcome)]) {
        guard let onAnswer = self.onAnswer else { return }
        let answer = self.copies.answered(outcomes)
        if let problem = answer.problem { self.sendAgain(answer.failed, after: problem) }
        onAnswer(answer.confirmed)
    }

    private func sendAgain(_ tags: [UInt64], after problem: (outcome: PublishOutcome, pause: Duration)) {
        let pause = problem.pause * Double.random(in: 0...1)
        self.logger.info(
            "A copy for a retry, quarantine or dead-letter queue was not confirmed and will be sent again",
            metadata: [LogKey.outcome: "\(problem.outcome)", LogKey.pause: "\(pause)"]
        )
        _ = self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(pause)) {
            self.copies.sendAgain(tags)
            self.send()
        }
    }
}
