// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusRabbit

@Suite("Quarantine gate")
struct QuarantineGateTests {
    @Test("What is ready is handed out in order")
    func ready() {
        var gate = QuarantineGate(prefetch: 4)
        #expect(gate.next(isAwaited: true) == .none)
        gate.arrived(1)
        gate.arrived(2)
        #expect(gate.next(isAwaited: true) == .handOut([1, 2]))
        #expect(gate.next(isAwaited: true) == .none)
        #expect(gate.settled(2) == true)
        #expect(gate.settled(2) == false)
    }

    @Test("A message runs alone when all that was out is settled, and then the next one does")
    func alone() {
        var gate = QuarantineGate(prefetch: 4)
        gate.arrived(1)
        #expect(gate.next(isAwaited: true) == .handOut([1]))
        gate.quarantineHasMessages()
        gate.arrived(2)
        #expect(gate.next(isAwaited: true) == .none)
        _ = gate.settled(1)
        #expect(gate.next(isAwaited: true) == .fetch)
        #expect(gate.next(isAwaited: true) == .none)
        gate.fetched(3)
        #expect(gate.next(isAwaited: true) == .none)
        _ = gate.settled(3)
        #expect(gate.next(isAwaited: true) == .fetch)
        gate.fetched(nil)
        #expect(gate.next(isAwaited: true) == .handOut([2]))
    }

    @Test("Nothing is fetched before somebody waits for it")
    func onDemand() {
        var gate = QuarantineGate(prefetch: 4)
        gate.quarantineHasMessages()
        #expect(gate.next(isAwaited: false) == .none)
        gate.arrived(1)
        #expect(gate.next(isAwaited: false) == .none)
        #expect(gate.next(isAwaited: true) == .fetch)
        gate.fetched(nil)
        #expect(gate.next(isAwaited: false) == .handOut([1]))
    }

    @Test("Nothing overtakes a message that is being moved")
    func moving() {
        var gate = QuarantineGate(prefetch: 4)
        gate.moveBegan()
        gate.arrived(2)
        #expect(gate.next(isAwaited: true) == .none)
        gate.moveEnded()
        #expect(gate.next(isAwaited: true) == .fetch)
        gate.fetched(3)
        _ = gate.settled(3)
        #expect(gate.next(isAwaited: true) == .fetch)
        gate.fetched(nil)
        #expect(gate.next(isAwaited: true) == .handOut([2]))
    }

    @Test("What is moved while a fetch finds nothing is fetched as well")
    func stale() {
        var gate = QuarantineGate(prefetch: 4)
        gate.quarantineHasMessages()
        #expect(gate.next(isAwaited: true) == .fetch)
        gate.moveBegan()
        gate.fetched(nil)
        #expect(gate.next(isAwaited: true) == .none)
        gate.moveEnded()
        #expect(gate.next(isAwaited: true) == .fetch)
    }

    @Test("After a stop nothing is handed out or fetched")
    func stopped() {
        var gate = QuarantineGate(prefetch: 4)
        gate.arrived(1)
        gate.quarantineHasMessages()
        gate.stop()
        #expect(gate.next(isAwaited: true) == .none)
    }
}
