// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Synchronization

/// Follows one registration at a time and reports its steps as they happen; others are not reported.
final class Storyteller: Sendable {
    private struct Telling: Sendable {
        let number: Int
        let began: ContinuousClock.Instant
        var journey = Journey()
    }

    private struct State: Sendable {
        var telling: Telling?
        var count = 0
    }

    /// How long a journey may take before another one is followed instead.
    private static let patience = Duration.seconds(10)

    @TaskLocal private static var ownJourney: Int?

    private let state = Mutex(State())
    private let script: Script
    private let write: @Sendable (String) -> Void
    private let ended: AsyncStream<Void>.Continuation

    /// Yields when a journey is over.
    let endings: AsyncStream<Void>

    init(_ script: Script, write: @escaping @Sendable (String) -> Void) {
        self.script = script
        self.write = write
        (self.endings, self.ended) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Writes a line that belongs to no journey.
    func say(_ line: String = "") {
        self.write(line)
    }

    /// Runs `body` as the request of a journey, unless another one is under way.
    func follow<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        let number: Int? = self.state.withLock { state in
            if let telling = state.telling, telling.began.duration(to: .now) < Self.patience { return nil }
            state.count += 1
            state.telling = Telling(number: state.count, began: .now)
            return state.count
        }
        guard let number else { return try await body() }
        return try await Self.$ownJourney.withValue(number, operation: body)
    }

    /// Whether the current task belongs to the request that is followed.
    var isFollowing: Bool {
        guard let number = Self.ownJourney else { return false }
        return self.state.withLock { $0.telling?.number == number }
    }

    /// Notes that what happens to messages with an ordering key follows from the current task's request.
    func expect(key: String) {
        let own = Self.ownJourney
        self.state.withLock { state in
            if own == state.telling?.number { state.telling?.journey.learn(key: key) }
        }
    }

    /// Reports a step if it belongs to the journey under way.
    ///
    /// - Parameter key: the ordering key of the message it happened to.
    func report(_ step: JourneyStep, key: String? = nil) {
        let own = Self.ownJourney
        // Written under the lock, so that lines come in the order of the steps.
        let isOver = self.state.withLock { state in
            guard var telling = state.telling else { return false }
            let moment = Journey.Moment(step: step, time: telling.began.duration(to: .now))
            for moment in telling.journey.note(moment, key: key, isOwnTask: own == telling.number) {
                self.write(self.script.line(for: moment.step, after: moment.time))
            }
            state.telling = telling.journey.isOver ? nil : telling
            return telling.journey.isOver
        }
        if isOver { self.ended.yield() }
    }
}
