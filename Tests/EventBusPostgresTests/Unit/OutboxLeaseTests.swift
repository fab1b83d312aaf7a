// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusPostgres

@Suite struct OutboxLeaseTests {
    private let start = ContinuousClock.now

    private func lease() -> OutboxLease { OutboxLease(.seconds(10), provenAt: self.start) }

    @Test func aLeaseIsHeldForItsDurationFromTheSendingOfWhatWasAnswered() {
        let lease = self.lease()
        #expect(lease.isHeld(at: self.start))
        #expect(lease.isHeld(at: self.start + .milliseconds(9999)))
        #expect(!lease.isHeld(at: self.start + .seconds(10)))
        #expect(!lease.isHeld(at: self.start + .seconds(1000)))
    }

    @Test func anAnswerProlongsTheLeaseFromWhenItsStatementWasSent() {
        var lease = self.lease()
        lease.renew(sentAt: self.start + .seconds(7))
        #expect(lease.isHeld(at: self.start + .seconds(16)))
        #expect(!lease.isHeld(at: self.start + .seconds(17)))
    }

    /// The answer may have waited for long in a process that was stopped.
    @Test func anAnswerToAnOldStatementProlongsNothing() {
        var lease = self.lease()
        lease.renew(sentAt: self.start + .seconds(7))
        lease.renew(sentAt: self.start + .seconds(2))
        #expect(lease.isHeld(at: self.start + .seconds(16)))
        #expect(!lease.isHeld(at: self.start + .seconds(17)))
    }

    @Test func twoHeartbeatsFitIntoALease() {
        #expect(self.lease().heartbeatInterval * 2 < .seconds(10))
    }
}
