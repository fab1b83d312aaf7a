// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
@_spi(Verification) package import EventBusTesting

extension Differential {
    /// A random program, decided by its seed.
    package struct Program: Sendable {
        /// The seed.
        package let seed: UInt64
        var steps: [ProgramStep]

        /// Writes the program of a seed.
        package init(seed: UInt64) {
            self.seed = seed
            self.steps = ProgramStep.random(seed: seed)
        }

        /// Runs the program on the in-process bus and on another one.
        ///
        /// - Parameter patience: how long to wait for a delivery that has to come.
        /// - Throws: ``Divergence``; ``TooSlow``; what the harness throws.
        package func run(on harness: any DifferentialHarness, patience: Duration = .seconds(20)) async throws {
            let plan = try self.plan()
            let trace = Trace()
            try await plan.perform(on: harness, word: "d\(Stamp.next().id)", .patiently(patience), trace)
            try self.compare(plan, with: trace)
        }

        /// Runs the program on a bus whose tasks all run on one thread, as those of the in-process bus do.
        package func run(on harness: any DifferentialHarness, thread: DeterministicRun) throws {
            let plan = try self.plan()
            let trace = Trace()
            // A bus on which it gets stuck diverges: the trace ends there.
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

        /// The program's actions, and what the in-process bus does when it may choose by itself.
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
    /// What is done, and what the in-process bus does then.
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
    /// What is to be done, and what the in-process bus has done.
    let trace: Trace
    /// The first action from which on a bus may choose.
    let firstChoice: Int

    /// Performs the actions, and stops where it is clear that the buses part.
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

    /// Gives open scopes tasks to live in.
    static func withScopes(_ body: (inout DiscardingTaskGroup) async throws -> Void) async throws {
        let result: Result<Void, any Error> = await withDiscardingTaskGroup { group in
            do { return .success(try await body(&group)) } catch { return .failure(error) }
        }
        try result.get()
    }
}
