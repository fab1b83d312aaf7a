// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// The life of a connection from the handshake to the close (AMQP 0-9-1 §2.2.4): a pure state machine.
struct ConnectionState {
    /// What both sides agreed on.
    struct Limits: Hashable {
        var channelMax: UInt16
        /// The largest frame in bytes, including its overhead.
        var frameMax: Int
        /// In seconds.
        var heartbeat: UInt16
    }

    /// What this side asks for.
    struct Wishes {
        var login: RabbitConfiguration.Login
        var virtualHost: String
        var connectionName: String
        /// In seconds.
        var heartbeat: UInt16
        /// In bytes.
        var frameMax = 131_072
    }

    enum Phase: Hashable {
        case awaitingStart
        case awaitingTune
        case awaitingOpen(Limits)
        case running(Limits)
        case closing
        case closed(ConnectionFailure)
    }

    enum Action {
        case none
        case send([ClientMethod])
        /// Adopt the limits, then send.
        case tune(Limits, [ClientMethod])
        case opened(Limits)
        case blocked(reason: String)
        case unblocked
        /// Fail everything that waits, send the method if there is one, close the socket.
        case fail(ConnectionFailure, ClientMethod?)
    }

    private(set) var phase = Phase.awaitingStart
    private let wishes: Wishes
    /// The broker's version, as far as it is known: the first two numbers.
    private(set) var version: (major: Int, minor: Int)?

    init(_ wishes: Wishes) {
        self.wishes = wishes
    }

    var isRunning: Bool {
        if case .running = self.phase { true } else { false }
    }

    /// What both sides agreed on; `nil` while they have not.
    var limits: Limits? {
        if case .running(let limits) = self.phase { limits } else { nil }
    }

    /// Why the connection has ended; `nil` while it has not.
    var failure: ConnectionFailure? {
        if case .closed(let failure) = self.phase { failure } else { nil }
    }

    /// The broker sent a method on channel 0.
    mutating func received(_ method: ServerMethod) -> Action {
        switch (self.phase, method) {
        case (.closed, _):
            return .none
        case (.closing, .connectionCloseOk):
            return self.fail(ConnectionFailure(.closed, "connection was closed"), nil)
        case (_, .connectionClose(let code, let text)):
            return self.fail(ConnectionFailure(.closedByBroker(code), "\(code) \(text)"), .connectionCloseOk)
        case (.closing, _):
            return .none
        case (.awaitingStart, .connectionStart(let mechanisms, let version)):
            self.version = version.flatMap(Self.version)
            return self.start(mechanisms)
        case (.awaitingTune, .connectionTune(let channelMax, let frameMax, let heartbeat)):
            return self.tune(channelMax, frameMax, heartbeat)
        case (.awaitingOpen(let limits), .connectionOpenOk):
            self.phase = .running(limits)
            return .opened(limits)
        case (.running, .connectionBlocked(let reason)):
            return .blocked(reason: reason)
        case (.running, .connectionUnblocked):
            return .unblocked
        default:
            return self.failed(ConnectionFailure(.malformed, "unexpected method during the connection's handshake"))
        }
    }

    /// This side wants to end the connection.
    mutating func close() -> Action {
        switch self.phase {
        case .running:
            self.phase = .closing
            return .send([.connectionClose(code: 200, text: "done")])
        case .closing, .closed:
            return .none
        default:
            return self.fail(ConnectionFailure(.closed, "connection was closed"), nil)
        }
    }

    /// This side closes the connection because of a failure, and informs the peer if it still listens.
    mutating func failed(_ failure: ConnectionFailure) -> Action {
        if case .closed = self.phase { return .none }
        let goodbye: ClientMethod? =
            self.isRunning && failure.code == .malformed ? .connectionClose(code: 501, text: "malformed") : nil
        return self.fail(failure, goodbye)
    }

    /// The socket is closed.
    mutating func lost() -> Action {
        switch self.phase {
        case .closed: return .none
        case .closing: return self.fail(ConnectionFailure(.closed, "connection was closed"), nil)
        // RabbitMQ refuses the login of a client that cannot receive a reply by closing the socket.
        case .awaitingTune: return self.fail(ConnectionFailure(.lost, "connection was closed during the login"), nil)
        default: return self.fail(ConnectionFailure(.lost, "connection was lost"), nil)
        }
    }

    private mutating func fail(_ failure: ConnectionFailure, _ method: ClientMethod?) -> Action {
        self.phase = .closed(failure)
        return .fail(failure, method)
    }

    private static func version(_ text: String) -> (major: Int, minor: Int)? {
        let numbers = text.split(separator: ".").prefix(2).map { Int($0) }
        guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { return nil }
        return (major, minor)
    }

    private mutating func start(_ mechanisms: String) -> Action {
        let (mechanism, response) =
            switch self.wishes.login {
            case .password(let user, let password): ("PLAIN", "\0\(user)\0\(password)")
            case .certificate: ("EXTERNAL", "")
            }
        guard mechanisms.split(separator: " ").contains(mechanism[...]) else {
            return self.failed(
                ConnectionFailure(.malformed, "the broker does not offer the login mechanism \(mechanism)")
            )
        }
        self.phase = .awaitingTune
        let capabilities: [String: HeaderValue] = [
            "authentication_failure_close": true, "basic.nack": true, "connection.blocked": true,
            "consumer_cancel_notify": true, "publisher_confirms": true,
        ]
        let properties: [(String, HeaderValue)] = [
            ("product", .string("swift-event-bus")),
            ("connection_name", .string(self.wishes.connectionName)),
            ("capabilities", .table(capabilities)),
        ]
        return .send([.connectionStartOk(properties: properties, mechanism: mechanism, response: response)])
    }

    private mutating func tune(_ channelMax: UInt16, _ frameMax: UInt32, _ heartbeat: UInt16) -> Action {
        let limits = Limits(
            channelMax: channelMax == 0 ? 2047 : min(channelMax, 2047),
            frameMax: frameMax == 0 ? self.wishes.frameMax : min(Int(frameMax), self.wishes.frameMax),
            // 0 would disable heartbeats for both sides, so this side's wish applies.
            heartbeat: heartbeat == 0 ? self.wishes.heartbeat : min(heartbeat, self.wishes.heartbeat)
        )
        guard limits.frameMax >= Frame.minimumSize else {
            return self.failed(ConnectionFailure(.malformed, "the broker wants frames of \(frameMax) bytes"))
        }
        self.phase = .awaitingOpen(limits)
        let tuneOk = ClientMethod.connectionTuneOk(
            channelMax: limits.channelMax,
            frameMax: UInt32(limits.frameMax),
            heartbeat: limits.heartbeat
        )
        return .tune(limits, [tuneOk, .connectionOpen(virtualHost: self.wishes.virtualHost)])
    }
}
