// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// One run of a case: names that no other run uses, messages known by short labels, and the steps that cases are made of.
final class Scene: Sendable {
    private struct State: Sendable {
        var subscriptions: [SubscriptionName] = []
        var lastStep: String?
    }

    let harness: any EventBusHarness
    /// One topic word that is unique to this run.
    let word = "c-\(Stamp.next().id)"
    private let state = Mutex(State())

    init(_ harness: any EventBusHarness) {
        self.harness = harness
    }

    var subscriptions: [SubscriptionName] { self.state.withLock { $0.subscriptions } }

    /// The case's last step, for the report of a case that hangs.
    var lastStep: String? { self.state.withLock { $0.lastStep } }

    func note(_ step: String) {
        self.state.withLock { $0.lastStep = step }
    }

    // MARK: Names

    /// A topic of this run.
    func topic(_ suffix: String = "event") throws -> Topic {
        try Topic("\(self.word).\(suffix)")
    }

    /// A subscription of this run.
    ///
    /// - Parameter patterns: the patterns, where `@` stands for the run's own word.
    func subscription(
        _ suffix: String = "main",
        patterns: [String] = ["@.event"],
        prefetch: Int = 64,
        prefetchBytes: Int = Subscription.defaultPrefetchBytes,
        ordering: Ordering = .none,
        shards: Int = 1,
        retryDelays: [Duration] = RetryLadder.delays
    ) throws -> Subscription {
        let name = try SubscriptionName("\(self.word).\(suffix)")
        self.state.withLock { state in
            if !state.subscriptions.contains(name) { state.subscriptions.append(name) }
        }
        let patterns = try patterns.map { try TopicPattern($0.replacing("@", with: self.word)) }
        return try Subscription(
            name,
            patterns: patterns,
            prefetch: prefetch,
            prefetchBytes: prefetchBytes,
            ordering: ordering,
            shards: shards,
            retryDelays: retryDelays
        )
    }

    // MARK: Messages

    /// A message that is known by its label.
    func message(
        _ label: String,
        on topic: Topic? = nil,
        key: String? = nil,
        requiresSubscriber: Bool = true
    ) throws -> Message {
        Message(
            id: "\(self.word)/\(label)",
            topic: try topic ?? self.topic(),
            source: "/conformance",
            time: Date(timeIntervalSince1970: 1_767_225_600.125),
            orderingKey: key,
            requiresSubscriber: requiresSubscriber,
            body: [UInt8](label.utf8)
        )
    }

    func label(of message: Message) -> String {
        message.id.hasPrefix(self.word + "/") ? String(message.id.dropFirst(self.word.utf8.count + 1)) : message.id
    }

    /// Publishes messages in one call; each has to be confirmed.
    func publish(_ messages: [Message]) async throws {
        self.note("publish \(messages.map { self.label(of: $0) })")
        let outcomes = await self.harness.bus.publish(messages)
        try expect(
            "outcomes of publishing \(messages.map { self.label(of: $0) })",
            outcomes.map(\.name),
            messages.map { _ in "confirmed" }
        )
    }

    /// Publishes messages known by labels to ``topic(_:)``.
    func publish(_ labels: String..., key: String? = nil) async throws {
        try await self.publish(labels.map { try self.message($0, key: key) })
    }
}

extension PublishOutcome {
    /// The outcome as a word, with the error's code when it was not sent.
    var name: String {
        switch self {
        case .confirmed: "confirmed"
        case .unroutable: "unroutable"
        case .refused(let reason): "refused(\(reason))"
        case .unknown: "unknown"
        case .notSent(let error): "notSent(\(error.code))"
        }
    }
}
