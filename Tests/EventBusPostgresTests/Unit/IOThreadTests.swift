// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusPostgres

@Suite struct IOThreadTests {
    @Test func tasksThatPreferTheThreadRunOnItWhileItRuns() async throws {
        let thread = try IOThread()
        let isCurrent: @Sendable () async -> Bool = {
            await Task.yield()
            return thread.isCurrent
        }
        #expect(await Task(executorPreference: thread) { await isCurrent() }.value == false)
        try thread.start()
        #expect(await Task(executorPreference: thread) { await isCurrent() }.value)
        #expect(await withTaskExecutorPreference(thread) { await isCurrent() })
        #expect(!thread.isCurrent)
        await thread.stop()
        #expect(await Task(executorPreference: thread) { await isCurrent() }.value == false)
    }

    @Test func tasksContinueElsewhereWhenTheThreadStops() async throws {
        let thread = try IOThread()
        try thread.start()
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<100 {
                group.addTask(executorPreference: thread) {
                    for await _ in gate {}
                    for _ in 0..<10 { await Task.yield() }
                    return number
                }
            }
            group.addTask {
                await thread.stop()
                return 0
            }
            opening.finish()
            let sum = try await group.reduce(0, +)
            #expect(sum == 4950)
        }
    }
}
