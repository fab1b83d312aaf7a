// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@Suite("Graceful shutdown of running work")
struct GracefulShutdownTests {
    private struct Thrown: Error {}

    private let stage = ManualExecutor()
    private let gate = Gate()
    private let told = Log<String>()

    /// Runs work under a shutdown that the test triggers.
    private func start(
        _ response: ShutdownResponse,
        _ body: @escaping @Sendable () async throws -> Void
    ) -> (work: ManualTask<Void>, trigger: @Sendable () -> Void) {
        let told = self.told
        return self.stage.startUnderShutdown {
            try await withGracefulShutdown(
                {
                    told.append("shutdown")
                    return response
                },
                body
            )
        }
    }

    @Test func workThatEndsOnItsOwnIsNotNotified() async {
        let (work, _) = self.start(.drains) {}
        await self.stage.end(work)
        #expect(work.error == nil)
        #expect(self.told.entries.isEmpty)
    }

    @Test func workThatFailsThrows() async {
        let (work, _) = self.start(.cancel) { throw Thrown() }
        await self.stage.end(work)
        #expect(work.error is Thrown)
        #expect(self.told.entries.isEmpty)
    }

    @Test func drainingWorkIsAwaited() async {
        let (work, trigger) = self.start(.drains) { [gate] in try await gate.wait() }
        trigger()
        await self.stage.settleNextJob()
        #expect(self.told.entries == ["shutdown"])
        #expect(!work.hasEnded)
        self.gate.open()
        await self.stage.end(work)
        #expect(work.error == nil)
        #expect(self.told.entries == ["shutdown"])
    }

    @Test func waitingWorkIsCancelledAndCountsAsFinished() async {
        let (work, trigger) = self.start(.cancel) { [gate] in try await gate.wait() }
        #expect(!work.hasEnded)
        trigger()
        await self.stage.end(work)
        #expect(work.error == nil)
    }

    @Test func anErrorOfCancelledWorkIsThrown() async {
        let (work, trigger) = self.start(.cancel) { [gate] in
            do { try await gate.wait() } catch { throw Thrown() }
        }
        trigger()
        await self.stage.end(work)
        #expect(work.error is Thrown)
    }

    @Test func cancellationIsNotAShutdown() async {
        let (work, _) = self.start(.drains) { [gate] in try await gate.wait() }
        work.cancel()
        await self.stage.end(work)
        #expect(work.error is CancellationError)
        #expect(self.told.entries.isEmpty)
    }

    @Test func theWorkRunsWithoutAServiceGroup() async {
        let gate = self.gate
        let work = self.stage.start { try await withGracefulShutdown({ .cancel }) { try await gate.wait() } }
        #expect(!work.hasEnded)
        gate.open()
        await self.stage.end(work)
        #expect(work.error == nil)
    }
}
