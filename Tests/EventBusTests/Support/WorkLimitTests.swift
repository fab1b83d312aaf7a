// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@Suite("Time limits for the pieces of work of a worker")
struct WorkLimitTests {
    private struct Thrown: Error {}

    private let stage = ManualExecutor()
    private let gate = Gate()
    private let limit: WorkLimit

    init() {
        self.limit = WorkLimit(.seconds(5), on: RelativeClock(self.stage.clock))
    }

    private func supervised<Value: Sendable>(
        _ worker: @escaping @Sendable () async throws -> Value
    ) -> ManualTask<Value> {
        self.stage.start { [limit] in try await limit.supervise(worker) }
    }

    private func limited<Value: Sendable>(
        _ piece: @escaping @Sendable () async throws -> Value
    ) -> ManualTask<Value> {
        self.supervised { [limit] in try await limit.run(piece) }
    }

    @Test func aResultWithinTheLimitIsReturned() throws {
        let limited = self.limited { [gate] in
            try await gate.wait()
            return 7
        }
        self.stage.advance(by: .seconds(4.9))
        #expect(!limited.hasEnded)
        self.gate.open()
        self.stage.settle()
        #expect(try limited.result?.get() == 7)
        #expect(!self.limit.hasPassed)
    }

    @Test func anErrorWithinTheLimitIsThrown() {
        #expect(self.limited { throw Thrown() }.error is Thrown)
    }

    @Test func slowWorkIsCancelledAndReported() {
        let log = Log<Bool>()
        let limited = self.limited { [gate] in
            do { try await gate.wait() } catch {
                log.append(error is CancellationError)
                throw error
            }
        }
        self.stage.advance(by: .seconds(5))
        #expect(log.entries == [true])
        #expect((limited.error as? TimeLimitExceeded)?.limit == .seconds(5))
        #expect(self.limit.hasPassed)
    }

    @Test func aResultAfterTheLimitIsReturned() throws {
        let limited = self.limited { [gate] in
            try? await gate.wait()
            return "committed"
        }
        self.stage.advance(by: .seconds(5))
        #expect(try limited.result?.get() == "committed")
        #expect(self.limit.hasPassed)
    }

    @Test func cancellationFromOutsideIsNotATimeLimit() {
        let limited = self.limited { [gate] in try await gate.wait() }
        limited.cancel()
        self.stage.settle()
        #expect(limited.error is CancellationError)
        #expect(!self.limit.hasPassed)
    }

    @Test func eachPieceHasTheFullLimit() throws {
        let (limit, clock) = (self.limit, self.stage.clock)
        let worker = self.supervised {
            for _ in 0..<3 {
                try await limit.run { try await clock.sleep(for: .seconds(4)) }
                try await clock.sleep(for: .seconds(60))
            }
            try await limit.run { try await clock.sleep(for: .seconds(6)) }
        }
        for _ in 1..<(3 * 64 + 5) { self.stage.advance(by: .seconds(1)) }
        self.stage.advance(by: .seconds(1) - .milliseconds(1))
        #expect(!worker.hasEnded)
        self.stage.advance(by: .milliseconds(1))
        #expect(worker.error is TimeLimitExceeded)
    }

    @Test func timeBetweenPiecesIsNotLimited() throws {
        let (limit, clock) = (self.limit, self.stage.clock)
        let worker = self.supervised {
            try await limit.run {}
            try await clock.sleep(for: .seconds(3600))
            return 7
        }
        self.stage.advance(by: .seconds(3600))
        #expect(try worker.result?.get() == 7)
    }

    @Test func aRestingWorkerLeavesNoTimerRunning() {
        let (limit, gate) = (self.limit, self.gate)
        let worker = self.supervised {
            try await limit.run { try await gate.wait() }
            limit.rest()
            try await Gate().wait()
        }
        self.stage.settle()
        #expect(self.stage.clock.nextDeadline != nil)
        gate.open()
        self.stage.settle()
        #expect(self.stage.clock.nextDeadline == nil)
        worker.cancel()
        self.stage.settle()
        #expect(worker.hasEnded)
    }

    @Test func theNextWorkerStartsWithTheFullLimit() throws {
        let (limit, gate) = (self.limit, self.gate)
        let first = self.limited { try await gate.wait() }
        self.stage.advance(by: .seconds(5))
        #expect(first.error is TimeLimitExceeded)
        let second = self.supervised { try await limit.run { 7 } }
        self.stage.settle()
        #expect(try second.result?.get() == 7)
        #expect(!self.limit.hasPassed)
    }
}
