// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusRabbit

@Suite("Quarantine gate")
struct QuarantineGateTests {
    @Test("What waits is handed out in order")
    func waiting() {
        var gate = QuarantineGate()
        #expect(gate.next(isAwaited: true) == .none)
        gate.arrived(1)
        gate.arrived(2)
        #expect(gate.next(isAwaited: true) == .handOut([1, 2]))
        #expect(gate.next(isAwaited: true) == .none)
    }

    @Test("A message runs alone when everything that was out is settled, and then the next one does")
    func alone() {
        var gate = QuarantineGate()
        gate.arrived(1)
        #expect(gate.next(isAwaited: true) == .handOut([1]))
        gate.quarantineHasMessages()
        gate.arrived(2)
        #expect(gate.next(isAwaited: true) == .none)
        gate.settled()
        #expect(gate.next(isAwaited: true) == .fetch)
        #expect(gate.next(isAwaited: true) == .none)
        gate.fetched(true)
        #expect(gate.next(isAwaited: true) == .none)
        gate.settled()
        #expect(gate.next(isAwaited: true) == .fetch)
        gate.fetched(false)
        #expect(gate.next(isAwaited: true) == .handOut([2]))
    }

    @Test("Nothing is fetched before a task waits for it")
    func onDemand() {
        var gate = QuarantineGate()
        gate.quarantineHasMessages()
        #expect(gate.next(isAwaited: false) == .none)
        gate.arrived(1)
        #expect(gate.next(isAwaited: false) == .none)
        #expect(gate.next(isAwaited: true) == .fetch)
        gate.fetched(false)
        #expect(gate.next(isAwaited: false) == .handOut([1]))
    }

    @Test("Nothing overtakes a message that is being moved")
    func moving() {
        var gate = QuarantineGate()
        gate.moveBegan()
        gate.arrived(2)
        #expect(gate.next(isAwaited: true) == .none)
        gate.moveEnded()
        #expect(gate.next(isAwaited: true) == .fetch)
        gate.fetched(true)
        gate.settled()
        #expect(gate.next(isAwaited: true) == .fetch)
        gate.fetched(false)
        #expect(gate.next(isAwaited: true) == .handOut([2]))
    }

    @Test("A message that is moved while a fetch finds the queue empty is fetched afterwards")
    func stale() {
        var gate = QuarantineGate()
        gate.quarantineHasMessages()
        #expect(gate.next(isAwaited: true) == .fetch)
        gate.moveBegan()
        gate.fetched(false)
        #expect(gate.next(isAwaited: true) == .none)
        gate.moveEnded()
        #expect(gate.next(isAwaited: true) == .fetch)
    }

    @Test("After a stop nothing is handed out or fetched")
    func stopped() {
        var gate = QuarantineGate()
        gate.arrived(1)
        gate.quarantineHasMessages()
        gate.stop()
        #expect(gate.next(isAwaited: true) == .none)
        #expect(gate.takeWaiting() == [1])
        #expect(gate.takeWaiting() == [])
    }
}
