// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Testing
import WholeFlow

@Suite("The whole flow")
struct WholeFlowTests {
    @Test("Seeds with all faults break no promise", arguments: Simulation.seeds(50))
    func keepsItsPromises(_ seed: UInt64) {
        if let failure = WholeFlow.run(seed: seed).failure { Issue.record(failure) }
    }

    @Test("A seed takes the same way again", arguments: Simulation.seeds(20))
    func replays(_ seed: UInt64) {
        #expect(WholeFlow.run(seed: seed).fingerprint == WholeFlow.run(seed: seed).fingerprint)
    }

    @Test("One registration, one account")
    func registers() throws {
        #expect(try WholeFlow.registersOneUser(seed: 1))
    }
}
