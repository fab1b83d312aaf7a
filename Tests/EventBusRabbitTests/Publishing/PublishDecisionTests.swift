// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Testing

@testable import EventBusRabbit

@Suite("Decisions of publishing")
struct PublishDecisionTests {
    private static func time(_ seconds: UInt64) -> NIODeadline { .uptimeNanoseconds(seconds * 1_000_000_000) }

    // MARK: Closed channels

    @Test(
        "The broker's text tells whom a closed channel concerns",
        arguments: [
            (406, "PRECONDITION_FAILED - message size 5 is larger than configured max size 4", .larger(than: 4)),
            (406, "PRECONDITION_FAILED - message size 5 is larger than max size 4", .larger(than: 4)),
            (406, "PRECONDITION_FAILED - message size 5 is larger than max size", .message),
            (406, "PRECONDITION_FAILED - max size 4 message size 5", .message),
            (406, "PRECONDITION_FAILED - message size 5 is larger than max size 99999999999999999999", .message),
            (406, "PRECONDITION_FAILED - invalid expiration", .message),
            (404, "NOT_FOUND - no exchange 'events' in vhost '/'", .exchange),
            (403, "ACCESS_REFUSED - access to exchange 'events' in vhost '/' refused for user 'u'", .everything),
            (403, "ACCESS_REFUSED - write access to topic 'a' in exchange 'events' in vhost '/' refused", .message),
            (541, "INTERNAL_ERROR", .message),
        ] as [(UInt16, String, ChannelRecovery.Scope)]
    )
    func scopes(_ code: UInt16, _ text: String, _ scope: ChannelRecovery.Scope) {
        #expect(ChannelRecovery.scope(of: ConnectionFailure(.channelClosed(code), "\(code) \(text)")) == scope)
    }

    private let odd = ConnectionFailure(.channelClosed(406), "406 odd")

    @Test("Pauses grow as long as nothing is confirmed, up to what others can bear")
    func pauses() {
        var recovery = ChannelRecovery()
        let pauses = (0..<8).map { _ in recovery.closed(self.odd, open: ["a"], largest: 1, isOnly: true).pause }
        #expect(pauses == [0, 50, 100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
        recovery.confirmed()
        #expect(recovery.closed(self.odd, open: ["a"], largest: 1, isOnly: true).pause == .zero)

        var refused = ChannelRecovery()
        let failure = ConnectionFailure(.channelClosed(403), "403 access to exchange 'events'")
        let plans = (0..<7).map { _ in refused.closed(failure, open: ["a"], largest: 1, isOnly: true) }
        #expect(plans.map(\.pause) == [250, 250, 500, 1000, 2000, 4000, 4000].map { .milliseconds($0) })
        #expect(plans.map(\.failsOthers) == Array(repeating: true, count: 7))
    }

    @Test("A body within the limit that closes the channel is treated as any other cause")
    func withinTheLimit() {
        var recovery = ChannelRecovery()
        let failure = ConnectionFailure(.channelClosed(406), "406 message size 5 is larger than max size 4")
        #expect(recovery.closed(failure, open: ["a", "b"], largest: 5, isOnly: false).scope == .larger(than: 4))
        #expect(!recovery.isCautious)
        #expect(recovery.closed(failure, open: ["a", "b"], largest: 4, isOnly: false).scope == .message)
        #expect(recovery.isAlone("c"))
    }

    @Test("Who has closed a channel stays alone until a message of its own is confirmed")
    func alone() {
        var recovery = ChannelRecovery()
        _ = recovery.closed(self.odd, open: ["a", "b"], largest: 1, isOnly: false)
        #expect(recovery.isAlone("a") && recovery.isAlone("c"))
        recovery.answered("a", isConfirmed: true)
        _ = recovery.closed(self.odd, open: ["b"], largest: 1, isOnly: true)
        #expect(recovery.isCautious)
        #expect(recovery.isAlone("b"))
        #expect(!recovery.isAlone("a"))
        recovery.answered("b", isConfirmed: false)
        #expect(recovery.isAlone("b"))
        recovery.answered("b", isConfirmed: true)
        #expect(!recovery.isCautious)
    }

    @Test("When the culprit is found, the thousands that were on their way with it go on together")
    func found() {
        var recovery = ChannelRecovery()
        _ = recovery.closed(self.odd, open: (0..<4096).map { "t\($0)" }, largest: 1, isOnly: false)
        #expect(recovery.isAlone("t1"))
        _ = recovery.closed(self.odd, open: ["t0"], largest: 1, isOnly: true)
        #expect(recovery.isAlone("t0") && !recovery.isAlone("t1"))
    }

    // MARK: Refused and silent channels

    @Test("A refusal long after another one does not continue it")
    func oldRefusal() {
        var watch = ConfirmWatch()
        let start = NIODeadline.uptimeNanoseconds(1)
        #expect(watch.refused("a", now: start) == .none)
        #expect(watch.refused("a", now: start + .hours(1)) == .none)
        #expect(watch.refused["a"]?.count == 1)
    }

    @Test("What is refused for ten seconds has its channel replaced, then everything else ever more rarely")
    func refusals() {
        var watch = ConfirmWatch()
        var advice: [UInt64: ConfirmWatch.Advice] = [:]
        for second in 0...200 as ClosedRange<UInt64> {
            let next = watch.refused("a", now: Self.time(second))
            if next != .none { advice[second] = next }
        }
        #expect(
            advice == [
                10: .replaceChannel, 20: .replaceConnection, 40: .replaceChannel, 80: .replaceConnection,
                160: .replaceChannel,
            ]
        )
        watch.confirmed("a")
        watch.confirmed(now: Self.time(201))
        #expect(!watch.needsKeys)
        #expect(watch.refused("a", now: Self.time(202)) == .none)
        #expect(watch.refused("a", now: Self.time(212)) == .replaceChannel)
    }

    @Test("When there are other hosts, three seconds of refusals are enough")
    func refusalsAmongHosts() {
        var watch = ConfirmWatch()
        var advice: [UInt64: ConfirmWatch.Advice] = [:]
        for second in 0...30 as ClosedRange<UInt64> {
            let next = watch.refused("a", hasOtherHosts: true, now: Self.time(second))
            if next != .none { advice[second] = next }
        }
        #expect(advice == [3: .replaceChannel, 6: .replaceConnection, 12: .replaceChannel, 24: .replaceConnection])
    }

    @Test("The connection stays as long as other messages are confirmed")
    func othersWork() {
        var watch = ConfirmWatch()
        var advice: [ConfirmWatch.Advice] = []
        for second in 0...100 as ClosedRange<UInt64> {
            advice.append(watch.refused("full", now: Self.time(second)))
            watch.confirmed("other")
            watch.confirmed(now: Self.time(second))
        }
        #expect(advice.filter { $0 != .none } == [.replaceChannel, .replaceChannel, .replaceChannel, .replaceChannel])
    }

    @Test("A single refusal, and one long ago, are no reason")
    func single() {
        var watch = ConfirmWatch()
        for second in [0, 9] as [UInt64] { #expect(watch.refused("a", now: Self.time(second)) == .none) }
        watch.confirmed("a")
        for second in [10, 19] as [UInt64] { #expect(watch.refused("a", now: Self.time(second)) == .none) }
    }

    @Test("The table of refused topics stays small")
    func manyRefused() {
        var watch = ConfirmWatch()
        for number in 0..<1000 { _ = watch.refused("t\(number)", now: Self.time(1)) }
        #expect(watch.refused.count <= 100)
    }

    @Test("The second silence in a row is the connection's")
    func silence() {
        var watch = ConfirmWatch()
        #expect(watch.silent() == .replaceSilentChannel)
        #expect(watch.silent() == .replaceConnection)
        watch.confirmed(now: Self.time(1))
        #expect(watch.silent() == .replaceSilentChannel)
        _ = watch.refused("a", now: Self.time(2))
        #expect(watch.silent() == .replaceSilentChannel)
    }

    @Test(
        "A node that confirms nothing is left three times at once, then ever more rarely, until something is confirmed a minute later"
    )
    func silentNode() {
        var watch = ConfirmWatch()
        let times = (0..<10).map { _ in
            defer { #expect(watch.silentNode(answersOthers: false, now: Self.time(1)) == .replaceConnection) }
            return watch.patienceWithNode
        }
        #expect(watch.silentNode(answersOthers: true, now: Self.time(1)) == .replaceChannel)
        #expect(times == [5, 5, 5, 10, 20, 40, 80, 160, 320, 600].map { .seconds($0) })
        watch.confirmed(now: Self.time(60))
        #expect(watch.patienceWithNode == .seconds(600), "one queue may be at fault, while others confirm")
        watch.confirmed(now: Self.time(61))
        #expect(watch.patienceWithNode == .seconds(5))
    }

    // MARK: Connecting

    @Test("A broker that is away is looked for often, one that refuses the login rarely")
    func reconnecting() {
        func error(_ code: ConnectionFailure.Code) -> BusError { ConnectionFailure(code, "").busError(.unavailable) }
        var backoff = ReconnectBackoff()
        let away = (0..<20).map { _ in backoff.next(after: error(.unreachable), lasted: .seconds(10)) }
        #expect(away.prefix(4) == [.milliseconds(500), .seconds(1), .seconds(2), .seconds(2)])
        #expect(away.max() == .seconds(2))
        #expect(backoff.next(after: error(.lost), lasted: .seconds(61)) == .milliseconds(500))
        for code in [.closedByBroker(403), .closedByBroker(530), .channelClosed(406)] as [ConnectionFailure.Code] {
            var backoff = ReconnectBackoff()
            let refused = (0..<10).map { _ in backoff.next(after: error(code), lasted: .seconds(1)) }
            #expect(refused.first == .seconds(1))
            #expect(refused.last == .seconds(30))
        }
    }
}
