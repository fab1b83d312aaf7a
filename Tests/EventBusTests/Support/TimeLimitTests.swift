// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@Suite("Time limits")
struct TimeLimitTests {
    private struct Thrown: Error {}

    private let stage = ManualExecutor()
    private let gate = Gate()

    private func limited<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) -> ManualTask<Value> {
        let clock = RelativeClock(self.stage.clock)
        return self.stage.start { try await withTimeLimit(.seconds(5), on: clock, body) }
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
    }

    @Test func anyErrorAfterTheLimitBecomesTimeLimitExceeded() {
        let limited = self.limited { [gate] in
            do { try await gate.wait() } catch { throw Thrown() }
        }
        self.stage.advance(by: .seconds(5))
        #expect(limited.error is TimeLimitExceeded)
    }

    @Test func aResultAfterTheLimitIsReturned() throws {
        let limited = self.limited { [gate] in
            try? await gate.wait()
            return "committed"
        }
        self.stage.advance(by: .seconds(5))
        #expect(try limited.result?.get() == "committed")
    }

    @Test func aResultAfterCancellationIsReturned() throws {
        let limited = self.limited { [gate] in
            try? await gate.wait()
            return "committed"
        }
        limited.cancel()
        self.stage.settle()
        #expect(try limited.result?.get() == "committed")
    }

    @Test func cancellationFromOutsideIsNotATimeLimit() {
        let limited = self.limited { [gate] in try await gate.wait() }
        limited.cancel()
        self.stage.settle()
        #expect(limited.error is CancellationError)
    }

    @Test func aCancellationErrorWithoutCancellationIsThrown() {
        #expect(self.limited { throw CancellationError() }.error is CancellationError)
    }
}
