// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import EventBusRabbit

/// A session that publishes to a ``ScriptedBroker``.
final class PublishFixture {
    /// The outcomes by message id, as texts.
    private final class Outcomes: Sendable {
        let texts = Mutex<[String: String]>([:])
    }

    /// How often the exchange was declared.
    private final class Declarations {
        var count = 0
    }

    let broker: ScriptedBroker
    let queue = PublishQueue()
    let status = BusStatus()
    let lane: PublishLane
    let session: PublishSession
    private let declarations: Declarations
    private let outcomes = Outcomes()

    init(
        _ kind: LaneActivity.Kind = .events,
        timeout: TimeAmount = .seconds(30),
        hasOtherHosts: Bool = false
    ) throws {
        self.broker = try ScriptedBroker()
        self.lane = PublishLane(kind, self.queue, self.status)
        _ = self.status.start()
        self.status.change(to: .connected)
        let loop = self.broker.channel.eventLoop
        let declarations = Declarations()
        self.declarations = declarations
        self.session = PublishSession(
            self.lane,
            self.broker.handler,
            timeout: timeout,
            hasOtherHosts: hasOtherHosts
        ) {
            declarations.count += 1
            return loop.makeSucceededVoidFuture()
        }
        try self.broker.open()
        let opened = self.session.open()
        try self.acceptChannel()
        try opened.wait()
        self.session.attach()
        self.run()
    }

    var declared: Int { self.declarations.count }

    func run() { self.broker.channel.embeddedEventLoop.run() }

    var health: Health { self.status.health(now: self.session.now) }

    var isConnected: Bool { self.broker.handler.failure == nil }

    /// The outcomes that are known, by message id.
    var known: [String: String] { self.outcomes.texts.withLock { $0 } }

    /// A second session on the same connection, and its channel.
    func another(_ kind: LaneActivity.Kind) throws -> (PublishQueue, UInt16) {
        let lane = PublishLane(kind, PublishQueue(), self.status)
        let loop = self.broker.channel.eventLoop
        let session = PublishSession(
            lane,
            self.broker.handler,
            timeout: self.session.timeout,
            hasOtherHosts: self.session.hasOtherHosts
        ) { loop.makeSucceededVoidFuture() }
        let opened = session.open()
        let channel = try self.acceptChannel()
        try opened.wait()
        session.attach()
        self.run()
        return (lane.queue, channel)
    }

    /// The channel that a session has asked to open since frames were last looked at.
    func opening() throws -> UInt16? {
        self.run()
        return try self.broker.frames().last { $0.name == "20.10" }?.channel
    }

    /// The broker lets the session open the channel that it has asked for.
    @discardableResult
    func acceptChannel(_ number: UInt16? = nil) throws -> UInt16 {
        let number = try #require(try number ?? self.opening())
        try self.broker.send(20, 11, [0, 0, 0, 0], on: number)
        try self.broker.send(85, 11, on: number)
        self.run()
        return number
    }

    /// Publishes messages, whose topics are `t.` and the first letters of their ids.
    ///
    /// - Parameter queue: that of the first session, if not another one's.
    func publish(
        _ ids: [String],
        bodySize: Int = 2,
        requiresSubscriber: Bool = true,
        through queue: PublishQueue? = nil
    ) throws {
        let messages = try ids.map { id in
            Message(
                id: id,
                topic: try Topic("t.\(id.prefix(1))"),
                time: Stamp.next().time,
                requiresSubscriber: requiresSubscriber,
                body: Array(repeating: 48, count: bodySize)
            )
        }
        (queue ?? self.queue).submit(
            PublishBatch(
                messages: messages.map { .event($0) },
                sink: .each { [outcomes] answers in
                    outcomes.texts.withLock { texts in
                        for (index, outcome) in answers { texts[ids[index]] = Self.text(outcome) }
                    }
                }
            )
        )
        self.run()
    }

    private static func text(_ outcome: PublishOutcome) -> String {
        switch outcome {
        case .confirmed: "confirmed"
        case .unroutable: "unroutable"
        case .unknown: "unknown"
        case .refused(let reason): "refused: \(reason)"
        case .notSent(let error): "not sent: \(error.message)"
        }
    }

    /// The topics of the messages that were written since the last call, each after the number of its channel.
    func published() throws -> [String] {
        self.run()
        return try self.broker.frames().filter { $0.name == "60.40" }.map { frame in
            let exchange = frame.payload.readerIndex + 6
            let start = exchange + 1 + Int(frame.payload.getInteger(at: exchange, as: UInt8.self) ?? 0)
            let length = Int(frame.payload.getInteger(at: start, as: UInt8.self) ?? 0)
            return "\(frame.channel) \(frame.payload.getString(at: start + 1, length: length) ?? "")"
        }
    }

    func acknowledge(_ tag: UInt8, multiple: Bool = false, on channel: UInt16 = 1) throws {
        try self.broker.send(60, 80, [0, 0, 0, 0, 0, 0, 0, tag, multiple ? 1 : 0], on: channel)
    }

    func refuse(_ tag: UInt8, on channel: UInt16 = 1) throws {
        try self.broker.send(60, 120, [0, 0, 0, 0, 0, 0, 0, tag, 0], on: channel)
    }

    func closeChannel(_ code: UInt16, _ text: String, on channel: UInt16 = 1) throws {
        let arguments = withUnsafeBytes(of: code.bigEndian, Array.init) + [UInt8(text.utf8.count)] + Array(text.utf8)
        try self.broker.send(20, 40, arguments + [0, 0, 0, 0], on: channel)
    }

    /// Time passes while the broker sends heartbeats.
    func advance(by seconds: Int64) throws {
        for _ in 0..<seconds {
            self.broker.advance(by: .seconds(1))
            guard self.isConnected else { return }
            try self.broker.channel.writeInbound(ByteBuffer(bytes: [8, 0, 0, 0, 0, 0, 0, 0xCE]))
        }
    }
}
