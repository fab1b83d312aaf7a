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

    /// Whose message it is: other programs choose ids and sources as they like.
    enum Origin: Sendable, Hashable, CaseIterable {
        case own
        /// The id is that of messages of other sources.
        case sharedID
        /// The id looks like that of others, and the source is the same.
        case composed, decomposed
        case withoutSource
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
    var origin = Origin.own
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

    /// The label of a message in a program; the id of any other message.
    static func label(of message: Message) -> String {
        guard case .string(let label)? = message.headers["label"] else { return message.id }
        return label
    }

    private func id(in word: String) -> String {
        switch self.origin {
        case .own, .withoutSource: "\(word)/\(self.label)"
        case .sharedID: "\(word)/shared"
        case .composed: "\(word)/\u{E9}"
        case .decomposed: "\(word)/e\u{301}"
        }
    }

    private var source: String {
        switch self.origin {
        case .own, .composed, .decomposed: "/differential"
        case .sharedID: "/differential/\(self.label)"
        case .withoutSource: ""
        }
    }

    func message(in word: String) throws -> Message {
        Message(
            id: self.id(in: word),
            topic: try Topic(self.topic.replacing("@", with: word)),
            source: self.source,
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
        let origin = self.origin == .own ? "" : " (\(self.origin))"
        return
            "\(self.label)\(origin) on \(self.topic)\(key)\(self.requiresSubscriber ? "" : " for anybody") [\(lives)]"
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
