// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Testing

@testable import EventBusRabbit

@Suite("Connection state")
struct ConnectionStateTests {
    private static let start = ServerMethod.connectionStart(mechanisms: "AMQPLAIN PLAIN")

    private func state(_ login: RabbitConfiguration.Login? = nil) -> ConnectionState {
        ConnectionState(
            ConnectionState.Wishes(
                login: login ?? .password(user: "u", password: "p"),
                virtualHost: "v",
                connectionName: "n",
                heartbeat: 15
            )
        )
    }

    private func running() -> ConnectionState {
        var state = self.state()
        _ = state.received(Self.start)
        _ = state.received(.connectionTune(channelMax: 0, frameMax: 0, heartbeat: 60))
        _ = state.received(.connectionOpenOk)
        return state
    }

    private func failure(_ action: ConnectionState.Action) -> ConnectionFailure.Code? {
        if case .fail(let failure, _) = action { failure.code } else { nil }
    }

    @Test("The login contains the name, the credentials and the capabilities of the client")
    func login() {
        var state = self.state()
        guard case .send(let methods) = state.received(Self.start),
            case .connectionStartOk(let properties, "PLAIN", "\0u\0p") = methods.first
        else {
            Issue.record("no login")
            return
        }
        #expect(properties.contains { $0 == ("connection_name", .string("n")) })
        guard case .table(let capabilities) = properties.first(where: { $0.0 == "capabilities" })?.1 else {
            Issue.record("no capabilities")
            return
        }
        #expect(
            Set(capabilities.keys).isSuperset(of: [
                "consumer_cancel_notify", "connection.blocked", "basic.nack", "publisher_confirms",
            ])
        )
    }

    @Test(
        "Limits are the smaller of both wishes, and heartbeats are never disabled",
        arguments: [
            (0, 0, 0, 2047, 131_072, 15), (10, 4096, 60, 10, 4096, 15), (65535, 1_000_000, 5, 2047, 131_072, 5),
        ] as [(UInt16, UInt32, UInt16, UInt16, Int, UInt16)]
    )
    func tuning(
        _ channels: UInt16,
        _ frame: UInt32,
        _ heartbeat: UInt16,
        _ agreedChannels: UInt16,
        _ agreedFrame: Int,
        _ agreedHeartbeat: UInt16
    ) {
        var state = self.state()
        _ = state.received(Self.start)
        let action = state.received(.connectionTune(channelMax: channels, frameMax: frame, heartbeat: heartbeat))
        guard case .tune(let limits, _) = action else {
            Issue.record("no tuning")
            return
        }
        #expect(limits.channelMax == agreedChannels)
        #expect(limits.frameMax == agreedFrame)
        #expect(limits.heartbeat == agreedHeartbeat)
        #expect(!state.isRunning)
        _ = state.received(.connectionOpenOk)
        #expect(state.isRunning)
    }

    @Test(
        "The connection fails if the broker lacks the login mechanism, wants tiny frames or sends methods out of order"
    )
    func refusals() {
        var external = self.state(.certificate)
        #expect(self.failure(external.received(Self.start)) == .malformed)
        var tiny = self.state()
        _ = tiny.received(Self.start)
        let tune = ServerMethod.connectionTune(channelMax: 0, frameMax: 4095, heartbeat: 0)
        #expect(self.failure(tiny.received(tune)) == .malformed)
        var early = self.state()
        #expect(self.failure(early.received(.connectionOpenOk)) == .malformed)
        var again = self.running()
        #expect(self.failure(again.received(Self.start)) == .malformed)
    }

    @Test("When the broker closes, it gets an answer, and its code and text are kept")
    func closedByBroker() {
        var state = self.running()
        guard case .fail(let failure, .connectionCloseOk?) = state.received(.connectionClose(code: 320, text: "FORCED"))
        else {
            Issue.record("no answer")
            return
        }
        #expect(failure == ConnectionFailure(.closedByBroker(320), "320 FORCED"))
        guard case .none = state.lost(), case .none = state.close() else {
            Issue.record("reported twice")
            return
        }
    }

    @Test("Closing from this side ends with the broker's answer or with the socket")
    func closing() {
        var answered = self.running()
        guard case .send = answered.close(), case .none = answered.received(.connectionBlocked(reason: "")) else {
            Issue.record("not closing")
            return
        }
        #expect(self.failure(answered.received(.connectionCloseOk)) == .closed)
        var cut = self.running()
        _ = cut.close()
        #expect(self.failure(cut.lost()) == .closed)
        var lost = self.running()
        #expect(self.failure(lost.lost()) == .lost)
    }

    @Test("A silent peer gets heartbeats until the connection is closed")
    func heartbeats() {
        func time(_ seconds: Double) -> NIODeadline { .uptimeNanoseconds(UInt64(seconds * 1_000_000_000)) }
        var heartbeats = Heartbeats(interval: .seconds(10), now: time(0))
        #expect(heartbeats.period == .seconds(5))
        #expect(heartbeats.tick(now: time(4)) == .none)
        #expect(heartbeats.tick(now: time(5)) == .send)
        heartbeats.wrote(now: time(9))
        #expect(heartbeats.tick(now: time(10)) == .none)
        #expect(heartbeats.tick(now: time(20)) == .send)
        #expect(heartbeats.tick(now: time(20.1)) == .giveUp)
        heartbeats.read(now: time(20.1))
        #expect(heartbeats.tick(now: time(40)) == .send)
    }
}
