// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Foundation

/// A step of a key, which the key's writer has numbered.
struct Step: Event {
    static let topic: Topic = "soak.step"
    let key: String
    let number: Int

    var orderingKey: String? { self.key }
}

/// What a relay has published, when, and in which process.
struct JournalLine {
    /// Seconds since the machine was started.
    let time: Double
    let process: Int32
    let id: String
    let step: Step

    init(_ message: Message) throws {
        self.time = Self.now
        self.process = ProcessInfo.processInfo.processIdentifier
        self.id = message.id
        self.step = try message.decode(Step.self)
    }

    init?(_ text: Substring) {
        let words = text.split(separator: " ")
        guard words.count == 5, let time = Double(words[0]), let process = Int32(words[1]), let number = Int(words[4])
        else {
            return nil
        }
        self.time = time
        self.process = process
        self.id = String(words[2])
        self.step = Step(key: String(words[3]), number: number)
    }

    var text: String { "\(self.time) \(self.process) \(self.id) \(self.step.key) \(self.step.number)\n" }

    /// All lines of a journal; `nil` for those that cannot be read.
    static func all(of path: String) -> [JournalLine?] {
        let text = (try? String(decoding: Data(contentsOf: URL(filePath: path)), as: UTF8.self)) ?? ""
        return text.split(separator: "\n").map { JournalLine($0) }
    }

    /// The same in all processes, and a process that is stopped does not hold it up.
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

/// A bus that appends what it gets to a file, which all processes share: its order is the order of publication.
///
/// As a broker may, it takes a while before it writes, and again before it confirms.
final class JournalBus: EventBus {
    private let file: Int32

    init(_ path: String) throws {
        self.file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o600)
        guard self.file >= 0 else { throw CocoaError(.fileWriteUnknown) }
    }

    func publish(_ messages: [Message]) async -> [PublishOutcome] {
        var outcomes: [PublishOutcome] = []
        try? await Task.sleep(for: .milliseconds(Int.random(in: 0...2)))
        for message in messages {
            let text = (try? JournalLine(message).text) ?? "unreadable\n"
            // One call for each line: the kernel does not mix them.
            let written = text.utf8CString.withUnsafeBytes { write(self.file, $0.baseAddress, $0.count - 1) }
            outcomes.append(written == text.utf8.count ? .confirmed : .unknown)
        }
        try? await Task.sleep(for: .milliseconds(Int.random(in: 0...20)))
        return outcomes
    }

    func withDeliveries(to subscription: Subscription, _ body: (any Deliveries) async throws -> Void) async throws {
        throw Self.error
    }

    func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] { throw Self.error }

    func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int { throw Self.error }

    func settleDeadLetters(
        of subscription: SubscriptionName,
        limit: Int,
        batch: Int,
        _ decide: ([DeadLetter]) async throws -> [DeadLetterVerdict]
    ) async throws -> DeadLetterCounts { throw Self.error }

    func unbind(_ patterns: [TopicPattern], from subscription: SubscriptionName) async throws { throw Self.error }

    func move(_ subscription: SubscriptionName, to other: SubscriptionName) async throws -> Int { throw Self.error }

    func remove(_ subscription: SubscriptionName) async throws { throw Self.error }

    private static let error = BusError(.unknownSubscription, "this bus has no subscriptions")
}
