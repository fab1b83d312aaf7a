// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
@_spi(Verification) package import EventBusTesting

extension Differential {
    /// A random program, determined by its seed.
    package struct Program: Sendable {
        /// The seed.
        package let seed: UInt64
        var steps: [ProgramStep]

        /// Creates the program of a seed.
        package init(seed: UInt64) {
            self.seed = seed
            self.steps = ProgramStep.random(seed: seed)
        }

        /// Runs the program on the in-process bus and on another one.
        ///
        /// - Parameter patience: how long to wait for an expected delivery.
        /// - Throws: ``Divergence``; ``TooSlow``; what the harness throws.
        package func run(on harness: any DifferentialHarness, patience: Duration = .seconds(20)) async throws {
            let plan = try self.plan()
            let trace = Trace()
            try await plan.perform(on: harness, word: "d\(Stamp.next().id)", .patiently(patience), trace)
            try self.compare(plan, with: trace)
        }

        /// Runs the program on a bus whose tasks all run on `thread`.
        package func run(on harness: any DifferentialHarness, thread: DeterministicRun) throws {
            let plan = try self.plan()
            let trace = Trace()
            // If it gets stuck the trace ends there, which is a divergence.
            _ = try thread { try await plan.perform(on: harness, word: "w", .onOneThread, trace) }
            try self.compare(plan, with: trace)
        }

        private func compare(_ plan: Plan, with trace: Trace) throws {
            var model = plan.trace
            if plan.firstChoice < trace.seen.count {
                let guide = Guide(trace)
                let guided = Trace()
                let thread = DeterministicRun()
                _ = try thread {
                    try await plan.perform(on: Model(on: thread, guide), word: "w", .onOneThread, guided, guide)
                }
                model = guided
            }
            let count = plan.trace.actions.count
            if let divergence = Divergence(seed: self.seed, model: model, other: trace, of: count) { throw divergence }
        }

        /// The program's actions, and what the in-process bus does when it makes its own choices.
        func plan() throws -> Plan {
            let trace = Trace()
            let steps = self.steps
            let thread = DeterministicRun()
            do {
                let firstChoice = try thread {
                    let planner = Planner(Player(Model(on: thread), word: "w", waiting: .onOneThread), trace)
                    try await Plan.withScopes { try await planner.plan(steps, in: &$0) }
                    return planner.firstChoice
                }
                guard let firstChoice else { throw Planner.Stuck("it waits for something that never happens") }
                return Plan(trace: trace, firstChoice: firstChoice)
            } catch {
                throw Divergence(seed: self.seed, stuck: trace, error)
            }
        }
    }
}

extension Differential.Program: CustomStringConvertible {
    /// The actions, and what the in-process bus does.
    package var description: String {
        do {
            let trace = try self.plan().trace
            return Differential.Divergence.lines(trace.actions[...], trace.seen.map(\.text)[...]).joined(
                separator: "\n"
            )
        } catch {
            return "\(error)"
        }
    }
}

/// A program ready to be performed.
struct Plan: Sendable {
    /// The actions, and what the in-process bus did.
    let trace: Trace
    /// The first action from which a bus may make choices.
    let firstChoice: Int

    /// Performs the actions, and stops once it is clear that the buses differ.
    func perform(
        on harness: any DifferentialHarness,
        word: String,
        _ waiting: Waiting,
        _ trace: Trace,
        _ guide: Guide? = nil
    ) async throws {
        let player = Player(harness, word: word, waiting: waiting)
        let expected = self.trace.seen
        try await Self.withScopes { group in
            do {
                for (index, action) in self.trace.actions.enumerated() {
                    if let guide, !guide.begin(index) { break }
                    trace.begin(action)
                    let seen = try await player.perform(action, in: &group)
                    trace.end(seen)
                    let isWrong = index < self.firstChoice && seen.text != expected[index].text
                    guard seen.obstacle == nil, !isWrong else { break }
                }
                await player.endAll()
            } catch {
                await player.endAll()
                throw error
            }
        }
    }

    /// Provides the task group in which open scopes live.
    static func withScopes(_ body: (inout DiscardingTaskGroup) async throws -> Void) async throws {
        let result: Result<Void, any Error> = await withDiscardingTaskGroup { group in
            do { return .success(try await body(&group)) } catch { return .failure(error) }
        }
        try result.get()
    }
}
