// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@Suite("Wait list")
struct WaitListTests {
    private let stage = ManualExecutor()
    private let list = WaitList<Int, Int, String>(0)

    /// Waits until the state has reached a number.
    private func wait(for number: Int) -> ManualTask<String> {
        self.stage.start {
            await self.list.wait(orWhenCancelled: "cancelled") { state, waiting in
                state >= number ? .answer("\(waiting) wait") : .wait(number)
            }
        }
    }

    private func advance(to number: Int) {
        self.list.change { state, waiters in
            state = number
            while let first = waiters.first, first <= state { waiters.resumeFirst(returning: "reached \(first)") }
        }
        self.stage.settle()
    }

    @Test func anAnswerThatIsThereNeedsNoWait() {
        self.list.withLock { $0 = 2 }
        #expect(self.wait(for: 2).value == "0 wait")
    }

    @Test func whoEntersLearnsHowManyWait() {
        _ = self.wait(for: 5)
        _ = self.wait(for: 6)
        #expect(self.wait(for: 0).value == "2 wait")
    }

    @Test func tasksAreResumedInOrderOfArrival() {
        let tasks = [3, 1, 2].map(self.wait(for:))
        self.advance(to: 1)
        #expect(tasks.map(\.hasEnded) == [false, false, false])
        self.advance(to: 3)
        #expect(tasks.map(\.value) == ["reached 3", "reached 1", "reached 2"])
    }

    @Test func allWhoseRequestFitsAreResumed() {
        let tasks = [3, 1, 2].map(self.wait(for:))
        self.list.change { _, waiters in waiters.resumeAll(returning: "small") { $0 < 3 } }
        self.stage.settle()
        #expect(tasks.map(\.value) == [nil, "small", "small"])
    }

    @Test func aTaskThatIsCancelledLeavesTheList() {
        let tasks = [1, 1].map(self.wait(for:))
        tasks[0].cancel()
        self.stage.settle()
        #expect(tasks[0].value == "cancelled")
        self.advance(to: 1)
        #expect(tasks[1].value == "reached 1")
    }

    @Test func aTaskThatWasCancelledBeforeItEnteredDoesNotWait() {
        let task = self.stage.start {
            withUnsafeCurrentTask { $0?.cancel() }
            return await self.list.wait(orWhenCancelled: "cancelled") { _, _ in .wait(1) }
        }
        #expect(task.value == "cancelled")
    }

    @Test func aTaskThatIgnoresCancellationGoesOnWaiting() {
        let task = self.stage.start {
            await self.list.waitIgnoringCancellation { state, _ in state >= 1 ? .answer("there") : .wait(1) }
        }
        task.cancel()
        self.stage.settle()
        #expect(!task.hasEnded)
        self.advance(to: 1)
        #expect(task.value == "reached 1")
    }

    @Test func nobodyIsResumedWhenNobodyWaits() {
        self.list.change { _, waiters in
            #expect(waiters.first == nil)
            waiters.resumeFirst(returning: "nobody")
            waiters.resumeAll(returning: "nobody")
        }
    }
}

extension ManualTask {
    /// What was returned, once the task has ended.
    fileprivate var value: Value? { try? self.result?.get() }
}
