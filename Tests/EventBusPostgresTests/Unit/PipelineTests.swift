// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusPostgres

@Suite struct PipelineTests {
    private static let success = LibpqResult.success(
        StatementResult(hasCommitted: false, affected: 1, rows: Rows(columnCount: 0))
    )
    private static let failure = LibpqResult.failure(ServerFailure(state: .uniqueViolation))

    private var pipeline = Pipeline()

    /// The actions as text, so that they are easy to compare.
    private mutating func receive(_ results: LibpqResult?...) -> [String] {
        results.map { result in
            switch self.pipeline.receive(result.map { .result($0) } ?? .end) {
            case .none: "none"
            case .wait: "wait"
            case .poison: "poison"
            case .forget(let name): "forget \(name)"
            case .complete(let id, .completed(let results)): "completed \(id): \(results.count)"
            case .complete(let id, .failed(let failure, let index)): "failed \(id): \(failure.state.code) at \(index)"
            case .complete(let id, _): "other \(id)"
            }
        }
    }

    @Test mutating func aSegmentCompletesAtItsSyncWithAResultPerStatement() {
        self.pipeline.enqueue([.prepare(name: "s1"), .execute, .execute, .sync], as: 1)
        let actions = self.receive(Self.success, nil, Self.success, nil, Self.success, nil, .sync)
        #expect(actions == ["none", "none", "none", "none", "none", "none", "completed 1: 2"])
        #expect(self.pipeline.isEmpty)
    }

    @Test mutating func anErrorSkipsTheRestOfItsSegmentAndForgetsUnpreparedStatements() {
        self.pipeline.enqueue([.execute, .execute, .prepare(name: "s1"), .execute, .sync], as: 1)
        self.pipeline.enqueue([.execute, .sync], as: 2)
        let first = self.receive(Self.success, nil, Self.failure, nil, .aborted, nil, .aborted, nil, .sync)
        #expect(first == ["none", "none", "none", "none", "forget s1", "none", "none", "none", "failed 1: 23505 at 1"])
        #expect(self.receive(Self.success, nil, .sync) == ["none", "none", "completed 2: 1"])
    }

    @Test mutating func aFailedPrepareIsForgottenAndReportedForItsStatement() {
        self.pipeline.enqueue([.execute, .prepare(name: "s1"), .execute, .sync], as: 1)
        let actions = self.receive(Self.success, nil, Self.failure, nil, .aborted, nil, .sync)
        #expect(actions == ["none", "none", "forget s1", "none", "none", "none", "failed 1: 23505 at 1"])
    }

    @Test mutating func anErrorAtTheImplicitCommitComesAfterAllStatements() {
        self.pipeline.enqueue([.execute, .execute, .sync], as: 1)
        let actions = self.receive(Self.success, nil, Self.success, nil, Self.failure, .sync)
        #expect(actions.last == "failed 1: 23505 at 2")
    }

    @Test mutating func afterAStrayNullTheNextResultIsReadAtOnceOrAwaited() {
        self.pipeline.enqueue([.execute, .sync], as: 1)
        let before = self.receive(Self.success, nil, Self.failure, nil, .sync)
        #expect(before == ["none", "none", "none", "none", "failed 1: 23505 at 1"])
        self.pipeline.enqueue([.execute, .sync], as: 2)
        let after = self.receive(Self.success, nil, Self.failure, nil, nil, nil, .sync)
        #expect(after == ["none", "none", "none", "none", "wait", "wait", "failed 2: 23505 at 1"])
    }

    @Test(arguments: [LibpqResult.sync, .unexpected])
    mutating func anUnexpectedResultPoisons(result: LibpqResult) {
        self.pipeline.enqueue([.execute, .sync], as: 1)
        #expect(self.receive(result) == ["poison"])
    }

    @Test mutating func twoResultsForOneStatementPoison() {
        self.pipeline.enqueue([.execute, .sync], as: 1)
        #expect(self.receive(Self.success, Self.success) == ["none", "poison"])
    }

    @Test mutating func anUnexpectedResultPoisonsUnlessItIsAnError() {
        #expect(self.receive(Self.failure, Self.success) == ["none", "poison"])
    }

    @Test mutating func aLostConnectionEndsEachSegmentWithItsError() {
        self.pipeline.enqueue([.execute, .execute, .sync], as: 1)
        self.pipeline.enqueue([.execute, .sync], as: 2)
        _ = self.receive(Self.success, nil, Self.failure)
        let outcomes = self.pipeline.failAll(.noAnswer)
        #expect(outcomes.map(\.0) == [1, 2])
        guard case .lost(let first) = outcomes[0].1, case .lost(let second) = outcomes[1].1 else {
            Issue.record("both outcomes should be lost")
            return
        }
        #expect(first.failure?.state == .uniqueViolation)
        #expect(second == .noAnswer)
        #expect(self.pipeline.isEmpty)
    }

    @Test mutating func whatLibpqSaysOfALostConnectionDoesNotHideWhatTheServerHasSaid() {
        self.pipeline.enqueue([.execute, .sync], as: 1)
        _ = self.receive(.failure(ServerFailure(state: .connectionFailure)))
        let farewell = SessionLoss.reported(ServerFailure(state: .transactionTimeout))
        guard case .lost(let loss)? = self.pipeline.failAll(farewell).first?.1 else {
            Issue.record("the outcome should be lost")
            return
        }
        #expect(loss == farewell)
    }

    @Test mutating func aScriptHasAnyNumberOfResults() {
        self.pipeline.enqueue([.script], as: 1)
        #expect(self.receive(Self.success, Self.success, nil) == ["none", "none", "completed 1: 2"])
        self.pipeline.enqueue([.script], as: 2)
        #expect(self.receive(Self.success, Self.failure, nil) == ["none", "none", "failed 2: 23505 at 1"])
    }

    @Test func aForgottenStatementGetsANewName() {
        let text = SQL("SELECT 1")
        var cache = StatementCache()
        #expect(cache.name(of: text) == nil)
        let first = cache.add(text)
        #expect(cache.name(of: text) == first)
        cache.forget(name: first)
        #expect(cache.name(of: text) == nil)
        #expect(cache.add(text) != first)
        cache.forget(sql: text)
        #expect(cache.name(of: text) == nil)
    }
}
