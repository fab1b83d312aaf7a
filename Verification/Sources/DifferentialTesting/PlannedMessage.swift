// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A message of a program, and its fate.
///
/// The fate belongs to the message and not to a consumer, so that it is the same for every consumer.
struct PlannedMessage: Sendable, Hashable {
    enum Fate: Sendable, Hashable {
        case done
        case dead
        case retry(seconds: Int)
    }

    static let firstFailure = Date(timeIntervalSince1970: 1_767_225_601.25)

    /// The maximum number of retries of a message in one life.
    static let mostRetries = 2
    /// The maximum number of lives; each but the last ends with a dead letter that is redriven.
    static let mostLives = 3

    let label: String
    /// `@` stands for a word that is unique to the run.
    let topic: String
    var key: String?
    var requiresSubscriber = true
    /// By life and number of failures; the last entries also apply to all later ones.
    let fates: [[Fate]]

    func fate(of delivery: Delivery) -> Fate {
        let life = self.fates[min(delivery.redrives, self.fates.count - 1)]
        return life[min(delivery.failures.count, life.count - 1)]
    }

    func verdict(on delivery: Delivery) -> Verdict {
        let failures = Failures(
            count: delivery.failures.count + 1,
            firstAt: delivery.failures.firstAt ?? Self.firstFailure
        )
        return switch self.fate(of: delivery) {
        case .done: .done
        case .dead: .deadLetter(reason: "\(self.label) has failed \(failures.count) times", failures)
        case .retry(let seconds): .retry(after: .seconds(seconds), failures)
        }
    }

    func message(in word: String) throws -> Message {
        Message(
            id: "\(word)/\(self.label)",
            topic: try Topic(self.topic.replacing("@", with: word)),
            source: "/differential",
            time: Date(timeIntervalSince1970: 1_767_225_600.125),
            orderingKey: self.key,
            requiresSubscriber: self.requiresSubscriber,
            headers: ["label": .string(self.label)],
            body: [UInt8](self.label.utf8)
        )
    }
}

extension PlannedMessage: CustomStringConvertible {
    var description: String {
        let key = self.key.map { " key \($0)" } ?? ""
        let lives = self.fates.map { $0.map(\.description).joined(separator: " ") }.joined(separator: " | ")
        return "\(self.label) on \(self.topic)\(key)\(self.requiresSubscriber ? "" : " for anybody") [\(lives)]"
    }
}

extension PlannedMessage.Fate: CustomStringConvertible {
    var description: String {
        switch self {
        case .done: "done"
        case .dead: "dead"
        case .retry(let seconds): "retry(\(seconds) s)"
        }
    }
}
