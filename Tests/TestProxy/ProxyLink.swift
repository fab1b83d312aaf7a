// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation

/// One connection through a proxy, served by a thread of its own.
struct ProxyLink {
    private enum Mode {
        case forwarding, stalled, swallowing, ended
    }

    /// One direction.
    private struct Way {
        let from: Int32
        let to: Int32
        var framing: WireFraming
        /// What has been read and has not been judged, because the connection stalls.
        var waiting: [WireMessage] = []
        /// What may pass.
        var out: [UInt8] = []
        var passed = 0
        /// How much has passed since the throttle was set.
        var throttled = 0
        var hasEnded = false
    }

    /// So much is read ahead.
    private static let limit = 1 << 18

    private let proxy: TCPProxy
    private let client: Int32
    private let server: Int32
    private var ways: [WireDirection: Way]
    private var mode = Mode.forwarding
    private var isServerClosed = false
    private var throttle: (bytesPerSecond: Int, since: ContinuousClock.Instant)?
    private var sweep: Int

    init(_ proxy: TCPProxy, client: Int32, server: Int32, _ language: WireFraming.Language, sweep: Int) {
        self.proxy = proxy
        self.client = client
        self.server = server
        self.sweep = sweep
        self.ways = [
            .toServer: Way(from: client, to: server, framing: WireFraming(language, .toServer)),
            .toClient: Way(from: server, to: client, framing: WireFraming(language, .toClient)),
        ]
    }

    mutating func run() {
        while self.mode != .ended, !self.proxy.isStopped {
            self.obeySweep()
            self.turn()
        }
        Socket.close(self.client)
        if !self.isServerClosed { Socket.close(self.server) }
    }

    private mutating func obeySweep() {
        let (number, fault) = self.proxy.currentSweep
        guard number != self.sweep else { return }
        self.sweep = number
        guard let fault else {
            self.throttle = nil
            guard self.mode == .stalled else { return }
            self.mode = .forwarding
            for direction in [WireDirection.toServer, .toClient] {
                let waiting = self.ways[direction]?.waiting ?? []
                self.ways[direction]?.waiting = []
                self.judge(waiting, direction)
            }
            return
        }
        self.happen(fault, .toServer)
    }

    private mutating func turn() {
        var descriptors: [pollfd] = []
        let directions = [WireDirection.toServer, .toClient]
        for direction in directions {
            guard let way = self.ways[direction] else { return }
            let reads = !way.hasEnded && self.mode != .stalled && way.out.count < Self.limit
            let isClosed = self.isServerClosed && direction == .toClient
            descriptors.append(pollfd(fd: reads && !isClosed ? way.from : -1, events: Int16(POLLIN), revents: 0))
            descriptors.append(pollfd(fd: way.out.isEmpty ? -1 : way.to, events: Int16(POLLOUT), revents: 0))
        }
        _ = poll(&descriptors, nfds_t(descriptors.count), 5)
        for (index, direction) in directions.enumerated() where self.mode != .ended {
            if descriptors[2 * index].revents != 0 { self.read(direction) }
            if self.mode == .forwarding || self.mode == .swallowing { self.write(direction) }
        }
        if self.throttle != nil { usleep(2000) }
    }

    private mutating func read(_ direction: WireDirection) {
        guard let way = self.ways[direction] else { return }
        guard let bytes = Socket.read(way.from), !bytes.isEmpty else {
            self.ways[direction]?.hasEnded = true
            // What a peer has closed is closed on the other side too; a black hole tells nobody.
            guard self.mode != .swallowing else { return }
            self.flush(direction)
            self.mode = .ended
            return
        }
        guard self.mode != .swallowing else { return }
        self.judge(self.ways[direction]?.framing.append(bytes) ?? [], direction)
    }

    /// Lets messages pass, with what was ordered for them.
    private mutating func judge(_ messages: [WireMessage], _ direction: WireDirection) {
        for (index, message) in messages.enumerated() {
            if self.mode == .stalled {
                self.ways[direction]?.waiting += messages[index...]
                return
            }
            guard self.mode == .forwarding else { return }
            self.judge(message, direction)
        }
    }

    private mutating func judge(_ message: WireMessage, _ direction: WireDirection) {
        var after: [ProxyFault] = []
        var passes = true
        for order in self.proxy.orders {
            switch order.moment {
            case .before(direction, let matches) where matches(message):
                guard self.proxy.take(order) else { continue }
                if case .answer(let bytes) = order.fault {
                    self.ways[direction == .toServer ? .toClient : .toServer]?.out += bytes
                    passes = false
                } else {
                    self.happen(order.fault, direction)
                }
                self.proxy.didFire()
            case .after(direction, let matches) where matches(message):
                if self.proxy.take(order) { after.append(order.fault) }
            case .atByte(direction, let count):
                let passed = self.ways[direction]?.passed ?? 0
                guard (passed...(passed + message.bytes.count)).contains(count), self.proxy.take(order) else {
                    continue
                }
                self.ways[direction]?.out += message.bytes.prefix(count - passed)
                self.happen(order.fault, direction)
                self.proxy.didFire()
            default: break
            }
        }
        if self.mode == .stalled {
            self.ways[direction]?.waiting.append(message)
            return
        }
        guard self.mode == .forwarding, passes else { return }
        self.ways[direction]?.out += message.bytes
        self.ways[direction]?.passed += message.bytes.count
        for fault in after {
            self.happen(fault, direction)
            self.proxy.didFire()
        }
    }

    private mutating func happen(_ fault: ProxyFault, _ direction: WireDirection) {
        // What has passed before has passed.
        if case .throttle = fault {} else { self.flush(direction) }
        switch fault {
        case .cut: self.mode = .ended
        case .reset:
            Socket.resetOnClose(self.client)
            self.mode = .ended
        case .stall: self.mode = .stalled
        case .blackHole: self.swallow()
        case .halfOpen:
            self.swallow()
            Socket.close(self.server)
            self.isServerClosed = true
        case .throttle(let bytesPerSecond):
            self.throttle = (bytesPerSecond, .now)
            for direction in self.ways.keys { self.ways[direction]?.throttled = 0 }
        case .answer(let bytes): self.ways[direction == .toServer ? .toClient : .toServer]?.out += bytes
        }
    }

    private mutating func swallow() {
        self.mode = .swallowing
        self.ways[.toServer]?.out = []
        self.ways[.toClient]?.out = []
    }

    private mutating func write(_ direction: WireDirection) {
        guard let way = self.ways[direction], !way.out.isEmpty, !(self.isServerClosed && direction == .toServer) else {
            return
        }
        let most = self.throttle.map { bytesPerSecond, since in
            let elapsed = since.duration(to: .now) / .seconds(1)
            return max(0, Int(elapsed * Double(bytesPerSecond)) - way.throttled)
        }
        guard most != 0, let count = Socket.write(way.to, way.out.prefix(most ?? way.out.count)) else {
            if most != 0 { self.mode = .ended }
            return
        }
        self.ways[direction]?.out.removeFirst(count)
        self.ways[direction]?.throttled += count
    }

    /// Sends what may pass, for some seconds at most.
    private mutating func flush(_ direction: WireDirection) {
        for _ in 0..<5000 {
            guard self.ways[direction]?.out.isEmpty == false, self.mode == .forwarding else { return }
            self.write(direction)
            if self.ways[direction]?.out.isEmpty == false { usleep(1000) }
        }
    }
}
