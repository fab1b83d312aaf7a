// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Hummingbird
import NIOCore

/// What one connection is doing, and what has to happen next: a pure value.
///
/// One request is served at a time; what a client sends meanwhile waits for its turn.
struct ConnectionState {
    /// A request and its answer.
    private struct Exchange {
        var isLast: Bool
        /// Whether the client waits for `100 Continue`.
        var isWaiting: Bool
        var isRead = false
        var isGiven = false
        var isAnswering = false
        var isAnswered = false
    }

    private enum Phase {
        case idle
        /// A head is arriving; the bytes that arrived before the last ones.
        case head(bytes: Int)
        case exchange(Exchange)
        case closing(isFlushed: Bool)
    }

    private let limits: ConnectionLimits
    private var phase = Phase.idle
    /// When the phase began.
    private var since: NIODeadline
    /// When a part of the body last arrived.
    private var progressed: NIODeadline
    private var body = ByteBuffer()
    private var held = CircularBuffer<ConnectionInput>()
    private var heldBytes = 0
    private var isInputClosed = false
    private var isDraining = false
    /// Since when the client does not accept what is written.
    private var blockedSince: NIODeadline?

    init(_ limits: ConnectionLimits, at now: NIODeadline) {
        self.limits = limits
        self.since = now
        self.progressed = now
    }

    /// Whether an answer of the API may be written.
    var isServing: Bool { if case .exchange = self.phase { true } else { false } }

    /// Whether more should be read; without, the end of a client is not noticed.
    var wantsRead: Bool { self.heldBytes < self.limits.headSize }

    /// When ``expire(at:)`` has something to do.
    var deadline: NIODeadline? {
        switch self.phase {
        case .idle: self.since + self.limits.idle
        case .head: self.since + self.limits.head
        case .exchange(let exchange) where exchange.isRead || exchange.isWaiting:
            self.blockedSince.map { $0 + self.limits.body }
        case .exchange: min(self.since + self.limits.body, self.progressed + self.limits.bodyPause)
        case .closing(let isFlushed): self.since + (isFlushed ? self.limits.farewell : self.limits.body)
        }
    }
}

// MARK: - What the client does

extension ConnectionState {
    mutating func receive(_ input: ConnectionInput, at now: NIODeadline) -> [ConnectionAction] {
        guard !self.isReady else { return self.process(input, at: now) }
        // Behind the last request nothing is looked at.
        guard case .exchange(let exchange) = self.phase, !exchange.isLast else { return [] }
        if case .bytes(let count) = input { self.heldBytes += count }
        self.held.append(input)
        return []
    }

    /// The client has closed its side.
    ///
    /// TCP does not tell a client that is gone from one that still reads. It is taken for gone: the work is cancelled, but an
    /// answer that comes nevertheless is written.
    mutating func inputClosed(at now: NIODeadline) -> [ConnectionAction] {
        self.isInputClosed = true
        switch self.phase {
        case .idle, .head: return self.close(at: now)
        case .exchange: return [.drop]
        case .closing(let isFlushed): return isFlushed ? [.close] : []
        }
    }

    /// The connection has ended or failed.
    mutating func closed(at now: NIODeadline) -> [ConnectionAction] {
        [.drop] + self.close(at: now)
    }

    /// The client accepts what is written, or does not any more.
    mutating func becameWritable(_ isWritable: Bool, at now: NIODeadline) {
        self.blockedSince = isWritable ? nil : self.blockedSince ?? now
    }

    /// Whether the parser's next part can be processed at once.
    private var isReady: Bool {
        switch self.phase {
        case .idle, .head: true
        case .exchange(let exchange): !exchange.isRead
        case .closing: false
        }
    }

    private mutating func process(_ input: ConnectionInput, at now: NIODeadline) -> [ConnectionAction] {
        switch (input, self.phase) {
        case (.bytes, .idle):
            self.phase = .head(bytes: 0)
            self.since = now
            return []
        case (.bytes(let count), .head(let bytes)):
            // The parser counts as well, but not the spaces.
            guard bytes <= self.limits.headSize else { return self.refuse(.headTooLarge, at: now) }
            self.phase = .head(bytes: bytes + count)
            return []
        case (.head(let head), .idle), (.head(let head), .head):
            self.phase = .exchange(Exchange(isLast: head.isLast || self.isDraining, isWaiting: head.expectsContinue))
            self.body = ByteBuffer()
            self.since = now
            self.progressed = now
            return [.serve(head)]
        case (.body(let part), .exchange(let exchange)): return self.process(part, of: exchange, at: now)
        case (.end, .exchange(let exchange)): return self.endBody(of: exchange, at: now)
        case (.malformed(let problem), .exchange(let exchange)):
            return [.drop] + (exchange.isAnswering ? self.close(at: now) : self.refuse(problem, at: now))
        case (.malformed(let problem), _): return self.refuse(problem, at: now)
        case (.bytes, _), (.head, _), (.body, _), (.end, _): return []
        }
    }

    private mutating func process(_ part: ByteBuffer, of exchange: Exchange, at now: NIODeadline) -> [ConnectionAction]
    {
        var exchange = exchange
        var part = part
        defer { self.phase = .exchange(exchange) }
        self.progressed = now
        exchange.isWaiting = false
        guard !exchange.isGiven else { return [] }
        self.body.writeBuffer(&part)
        guard self.body.readableBytes > Request.maximumBodySize else { return [] }
        exchange.isGiven = true
        return [.give(self.takeBody())]
    }

    private mutating func endBody(of exchange: Exchange, at now: NIODeadline) -> [ConnectionAction] {
        var exchange = exchange
        let actions: [ConnectionAction] = exchange.isGiven ? [] : [.give(self.takeBody())]
        exchange.isRead = true
        exchange.isWaiting = false
        exchange.isGiven = true
        self.phase = .exchange(exchange)
        return exchange.isAnswered ? actions + self.goOn(at: now) : actions
    }

    private mutating func takeBody() -> ByteBuffer {
        defer { self.body = ByteBuffer() }
        return self.body
    }
}

// MARK: - What the API does

extension ConnectionState {
    /// The API wants the body.
    mutating func bodyWanted(at now: NIODeadline) -> [ConnectionAction] {
        guard case .exchange(var exchange) = self.phase, exchange.isWaiting, !exchange.isAnswering else { return [] }
        exchange.isWaiting = false
        self.phase = .exchange(exchange)
        self.since = now
        self.progressed = now
        return [.askForBody]
    }

    /// The head of the API's answer is to be written.
    ///
    /// - Returns: whether it should say that the connection is closed behind it.
    mutating func answerBegins() -> Bool {
        guard case .exchange(var exchange) = self.phase else { return true }
        exchange.isAnswering = true
        // A client that was not asked for its body may send it or not: nobody could tell what comes next.
        if exchange.isWaiting { exchange.isLast = true }
        self.phase = .exchange(exchange)
        return exchange.isLast
    }

    /// All of the API's answer has been written.
    mutating func answerEnds(at now: NIODeadline) -> [ConnectionAction] {
        guard case .exchange(var exchange) = self.phase else { return [] }
        exchange.isAnswered = true
        self.phase = .exchange(exchange)
        if exchange.isLast { return self.finish(at: now) }
        return exchange.isRead ? self.goOn(at: now) : []
    }

    /// Everything that was written is with the client's system.
    mutating func flushed(at now: NIODeadline) -> [ConnectionAction] {
        guard case .closing(isFlushed: false) = self.phase else { return [] }
        self.phase = .closing(isFlushed: true)
        self.since = now
        // Closing at once could destroy the answer, if something of the client is still unread (RFC 9112 §9.6).
        return self.isInputClosed ? [.close] : [.closeOutput]
    }

    /// Takes up what has waited.
    private mutating func goOn(at now: NIODeadline) -> [ConnectionAction] {
        self.phase = .idle
        self.since = now
        var actions: [ConnectionAction] = []
        while self.isReady, let input = self.held.popFirst() {
            if case .bytes(let count) = input { self.heldBytes -= count }
            actions += self.process(input, at: now)
        }
        switch self.phase {
        case .idle, .head: return self.isInputClosed || self.isDraining ? actions + self.finish(at: now) : actions
        case .exchange, .closing: return actions
        }
    }
}

// MARK: - What ends a connection

extension ConnectionState {
    /// The service shuts down: no further request is served.
    mutating func drain(at now: NIODeadline) -> [ConnectionAction] {
        self.isDraining = true
        switch self.phase {
        case .idle, .head: return self.close(at: now)
        case .exchange(var exchange):
            exchange.isLast = true
            self.phase = .exchange(exchange)
            return exchange.isAnswered ? self.finish(at: now) : []
        case .closing: return []
        }
    }

    /// Does what ``deadline`` demands.
    mutating func expire(at now: NIODeadline) -> [ConnectionAction] {
        guard let deadline = self.deadline, deadline <= now else { return [] }
        switch self.phase {
        case .head: return self.refuse(.requestTooSlow, at: now)
        case .exchange(let exchange) where !exchange.isRead && !exchange.isAnswering:
            return [.drop] + self.refuse(.requestTooSlow, at: now)
        case .exchange: return self.closed(at: now)
        case .idle, .closing: return self.close(at: now)
        }
    }

    private mutating func refuse(_ problem: Problem, at now: NIODeadline) -> [ConnectionAction] {
        [.refuse(problem)] + self.finish(at: now)
    }

    private mutating func finish(at now: NIODeadline) -> [ConnectionAction] {
        self.phase = .closing(isFlushed: false)
        self.since = now
        self.held.removeAll()
        self.heldBytes = 0
        self.body = ByteBuffer()
        return [.finish]
    }

    private mutating func close(at now: NIODeadline) -> [ConnectionAction] {
        _ = self.finish(at: now)
        return [.close]
    }
}
