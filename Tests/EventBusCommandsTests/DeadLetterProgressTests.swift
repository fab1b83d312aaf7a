// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusCommands

@Suite("The progress of a redrive")
struct DeadLetterProgressTests {
    @Test func isToldOnceASecondAndCountsOnlyWhatIsSettled() {
        var progress = DeadLetterProgress(verdict: .redrive, total: 100)
        #expect(progress.batchSettled(at: .zero) == nil)
        progress.decided([.redrive, .keep, .redrive])
        #expect(progress.settled.total == 0)
        #expect(progress.changed == 2)
        #expect(progress.batchSettled(at: .milliseconds(900)) == nil)
        progress.decided([.redrive])
        #expect(progress.batchSettled(at: .seconds(2)) == "looked at 4 of 100, 3 redriven, 1 kept, 2 s, 2/s")
        #expect(progress.batchSettled(at: .milliseconds(2999)) == nil)
    }
}
