// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import ServiceLifecycle

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Messages as programs publish them that do not use this package.
///
/// Their ids repeat between sources, differ only in their bytes, contain NUL, look like something else, or are as long as an id can be;
/// id, source and type may be missing, and each message may come twice. What has another `Message.identity` is another event.
///
/// ```swift
/// let orders = ForeignProducer(seed: simulation.seed).messages(of: "order.placed", count: 20, at: Stamp.next().time) { number in
///     Array(#"{"order": \#(number)}"#.utf8)
/// }
/// simulation.start("shop of others", publishing: orders)
/// ```
public struct ForeignProducer: Sendable {
    private let seed: UInt64

    /// Creates the producers that a seed stands for.
    public init(seed: UInt64) {
        self.seed = seed
    }

    /// Ids and sources that a careless comparison confuses.
    private static let identities: [(source: String, id: String)] = {
        let long = String(repeating: "x", count: Message.Limits.shortStringBytes)
        return [
            ("/a", "1"), ("/b", "1"), ("", "1"), ("/a", "1#1"), ("/a", "1#2"),
            ("/a", "01"), ("/a", "1 "), ("/a", " 1"), ("/a1", "1"), ("1", "/a"),
            // é as one scalar and as two.
            ("/a", "caf\u{e9}"), ("/a", "cafe\u{301}"), ("/caf\u{e9}", "1"), ("/cafe\u{301}", "1"),
            ("/a", long), ("/a", long.dropLast() + "y"), (long, "1"), (long.dropLast() + "y", "1"),
            ("/a", "'; DROP TABLE eventbus_inbox; --"), ("/a", "\u{1}\t\n\u{7f}"), ("/a", "%00"), ("/a", "\\0"),
            ("/a", "a\0b"), ("/a", "a\0c"), ("/a\0", "1"), ("/a", ""), ("", ""),
            ("/a", "sha256-"), ("/a", "\u{1F469}\u{200D}\u{1F4BB}"), ("/a", "\u{FEFF}1"), ("/A", "1"), ("/a", "null"),
        ]
    }()

    /// The id of a message that came without one: as on RabbitMQ it follows from topic, a zero byte and body.
    ///
    /// There it is a SHA-256, which no part of this package computes without a library; nobody here tries to find two equal ones.
    private static func id(about topic: Topic, _ body: [UInt8]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in Array(topic.name.utf8) + [0] + body { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return "derived-\(String(hash, radix: 16))"
    }

    /// Returns messages about a topic, some of them twice, in an order that the seed determines.
    ///
    /// - Parameters:
    ///   - topic: their topic.
    ///   - count: how many different events there are, at least 1; from 33 on, the sources get numbers.
    ///   - version: the version of the event's format.
    ///   - time: when the events happened.
    ///   - body: the body of an event, by its number from 0.
    public func messages(
        of topic: Topic,
        count: Int,
        version: Int = 1,
        at time: Date,
        _ body: (_ number: Int) -> [UInt8]
    ) -> [Message] {
        require(count >= 1, "count is \(count), must be at least 1")
        var random = SeededRandom(seed: self.seed, "foreign \(topic)")
        let known = Self.identities.shuffled(using: &random)
        var messages: [Message] = []
        for number in 0..<count {
            let (source, id) = known[number % known.count]
            let (round, body) = (number / known.count, body(number))
            let message = Message(
                id: id.isEmpty ? Self.id(about: topic, body) : id,
                topic: topic,
                type: random.below(3) == 0 ? "" : nil,
                version: version,
                source: round == 0 ? source : "/\(round)/\(number)",
                time: time,
                body: body
            )
            messages += Array(repeating: message, count: 1 + random.below(2))
        }
        return messages.shuffled(using: &random)
    }
}

extension Simulation {
    /// Starts a process of another program, which publishes messages without an outbox, one after the other.
    ///
    /// Each message is sent until the bus has confirmed it, so that it can arrive more often than it is listed.
    /// ``Simulation/finish(within:until:)`` waits for all of them, and a ``HistoryChecker`` expects each event to be handled once.
    @discardableResult
    public func start(_ name: String, publishing messages: [Message]) -> SimulatedService {
        var known: Set<EventIdentity> = []
        for message in messages where known.insert(message.identity).inserted {
            self.history.record(.committed(message.identity, message.topic, key: message.orderingKey), at: name)
        }
        let backlog = ForeignBacklog(name, messages)
        self.world.add(backlog)
        return self.start(name) { [ForeignProgram(backlog: backlog, process: $0)] }
    }
}

private struct ForeignProgram: Service {
    let backlog: ForeignBacklog
    let process: SimulatedProcess

    func run() async throws {
        try await withGracefulShutdown({ .cancel }) {
            while let message = self.backlog.next {
                let outcome = await self.process.bus.publish([message])[0]
                try Task.checkCancellation()
                if case .notSent(let error) = outcome, error.code == .invalidMessage { throw error }
                if outcome.isConfirmed { self.backlog.removeFirst() }
                try await self.process.clock.sleep(for: outcome.isConfirmed ? .milliseconds(20) : .seconds(1))
            }
            // A server keeps running when there is nothing to do.
            _ = try await Notifier().wait(above: 0)
        }
    }
}
