// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import Synchronization

/// What a proxy does to a connection.
package enum ProxyFault: Sendable, Hashable {
    /// Both sides are closed in order.
    case cut
    /// The client's side is reset; the server's is closed in order, so that it handles what it has got.
    case reset
    /// Nothing passes until `heal()`, and nothing is lost.
    case stall
    /// Everything is read and nothing passes, in both directions and for ever.
    case blackHole
    /// The server's side is closed, and the client is not told.
    case halfOpen
    /// From now on so many bytes pass in a second, in each direction.
    case throttle(bytesPerSecond: Int)
    /// The sender gets these bytes in the place of what the other side would have answered.
    case answer([UInt8])
}

/// A proxy between a client and a server on this machine, which breaks connections at an exact message or byte.
///
/// It reads the messages of a protocol. A fault that is due at one happens before that message has passed or after it, however
/// the bytes arrive. Each fault that is ordered happens once.
package final class TCPProxy: Sendable {
    /// When a fault happens to the connection in which the message or the byte passes.
    package enum Moment: Sendable {
        case before(WireDirection, @Sendable (WireMessage) -> Bool)
        case after(WireDirection, @Sendable (WireMessage) -> Bool)
        /// When so many bytes of a connection have passed.
        case atByte(WireDirection, Int)
    }

    /// What happens to new connections.
    package enum Welcome: Sendable {
        case forward
        /// They are accepted, and nothing is ever said.
        case silence
        /// They are reset at once.
        case reset
    }

    struct Order: Sendable {
        let id: Int
        let moment: Moment
        let fault: ProxyFault
    }

    private struct State {
        var orders: [Order] = []
        var nextOrder = 0
        var fired = 0
        var welcome = Welcome.forward
        var sweep: (number: Int, fault: ProxyFault?) = (0, nil)
        var isStopped = false
        var accepted = 0
    }

    /// Where clients connect, on the loopback interface.
    package let port: Int
    private let listener: Int32
    private let server: Int
    private let language: WireFraming.Language
    private let state = Mutex(State())

    /// Starts listening.
    package init(to server: Int, _ language: WireFraming.Language) throws {
        self.server = server
        self.language = language
        (self.listener, self.port) = try Socket.listen()
        Thread.detachNewThread { self.accept() }
    }

    /// Runs `body` with a proxy.
    package static func with<Result>(
        to server: Int,
        _ language: WireFraming.Language,
        _ body: (TCPProxy) async throws -> Result
    ) async throws -> Result {
        let proxy = try TCPProxy(to: server, language)
        defer { proxy.stop() }
        return try await body(proxy)
    }

    /// Closes all connections and the port.
    package func stop() { self.state.withLock { $0.isStopped = true } }

    /// Orders a fault.
    package func order(_ fault: ProxyFault, _ moment: Moment) {
        self.state.withLock { state in
            state.orders.append(Order(id: state.nextOrder, moment: moment, fault: fault))
            state.nextOrder += 1
        }
    }

    /// Does something to all connections that there are now.
    package func strike(_ fault: ProxyFault) { self.sweep(fault) }

    /// Ends stalls and throttles, cancels what was ordered and has not happened, and forwards new connections.
    package func heal() {
        self.state.withLock { state in
            state.orders = []
            state.welcome = .forward
        }
        self.sweep(nil)
    }

    private func sweep(_ fault: ProxyFault?) {
        self.state.withLock { $0.sweep = ($0.sweep.number + 1, fault) }
    }

    /// What happens to new connections.
    package var welcome: Welcome {
        get { self.state.withLock { $0.welcome } }
        set { self.state.withLock { $0.welcome = newValue } }
    }

    /// How many of the faults that were ordered have happened.
    package var fired: Int { self.state.withLock { $0.fired } }
    /// How many connections were accepted.
    package var accepted: Int { self.state.withLock { $0.accepted } }

    // MARK: For the threads

    var isStopped: Bool { self.state.withLock { $0.isStopped } }
    var currentSweep: (number: Int, fault: ProxyFault?) { self.state.withLock { $0.sweep } }
    var orders: [Order] { self.state.withLock { $0.orders } }

    /// Takes an order, unless another connection has taken it first.
    func take(_ order: Order) -> Bool {
        self.state.withLock { state in
            guard let index = state.orders.firstIndex(where: { $0.id == order.id }) else { return false }
            state.orders.remove(at: index)
            return true
        }
    }

    func didFire() { self.state.withLock { $0.fired += 1 } }

    private func accept() {
        var silent: [Int32] = []
        while !self.isStopped {
            guard Socket.isReady(self.listener, milliseconds: 20), let client = Socket.accept(self.listener) else {
                continue
            }
            let welcome = self.state.withLock { state in
                state.accepted += 1
                return state.welcome
            }
            switch welcome {
            case .silence: silent.append(client)
            case .reset: Socket.reset(client)
            case .forward:
                guard let server = Socket.connect(to: self.server) else {
                    Socket.reset(client)
                    continue
                }
                let sweep = self.currentSweep.number
                Thread.detachNewThread {
                    var link = ProxyLink(self, client: client, server: server, self.language, sweep: sweep)
                    link.run()
                }
            }
        }
        for descriptor in silent + [self.listener] { Socket.close(descriptor) }
    }
}
