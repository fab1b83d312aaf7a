// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Testing

extension StoreConsumerTests {
    // MARK: Batches

    @Test func aBatchCommitsTogether() throws {
        try self.enqueue(try self.message("one"), try self.message("two"), try self.message("three"))
        let consumer = self.consumer(batch: 10)
        _ = self.stage.start { try await consumer.run() }
        #expect(self.store.count(.transaction) == 1)
        #expect(try self.published() == ["one", "two", "three"])
    }

    @Test func aBatchIsNoLargerThanAllowed() throws {
        try self.enqueue(try self.message("one"), try self.message("two"), try self.message("three"))
        let consumer = self.consumer(batch: 2)
        _ = self.stage.start { try await consumer.run() }
        #expect(self.store.count(.transaction) == 2)
        #expect(try self.published() == ["one", "two", "three"])
    }

    @Test func oneIDTwiceInABatchIsHandledOnce() throws {
        let message = try self.message("one")
        try self.enqueue(message, try self.message("two"), message, message)
        let consumer = self.consumer(batch: 10)
        _ = self.stage.start { try await consumer.run() }
        #expect(self.calls.labels == ["one", "two"])
        #expect(self.store.count(.transaction) == 1)
        #expect(try self.published() == ["one", "two"])
        #expect(self.deadLetters.isEmpty)
    }

    @Test func aFailedBatchIsHandledOneByOne() throws {
        try self.enqueue(try self.message("one"), try self.message("two"), try self.message("three"))
        // Once in the batch, once alone.
        self.calls.fail("two", times: 2)
        let consumer = self.consumer(batch: 10)
        _ = self.stage.start { try await consumer.run() }
        #expect(self.calls.labels == ["one", "two", "one", "two", "three"])
        #expect(self.store.count(.transaction) == 4)
        #expect(try self.published() == ["one", "three"])
        self.stage.advance(by: .seconds(1))
        #expect(try self.published() == ["one", "three", "two"])
        #expect(self.deadLetters.isEmpty)
    }

    @Test func anUndecodableMessageInABatchDoesNotAffectOthers() throws {
        var poison = try self.message("poison")
        poison.body = Array("[]".utf8)
        try self.enqueue(try self.message("one"), poison, try self.message("two"))
        let consumer = self.consumer(batch: 10)
        _ = self.stage.start { try await consumer.run() }
        #expect(try self.published() == ["one", "two"])
        #expect(self.deadLetters.map(\.message) == [poison])
    }

    @Test func duringAnOutageOfTheStoreABatchIsHeldAsAWhole() throws {
        try self.enqueue(try self.message("one"), try self.message("two"))
        self.store.fail(.transaction)
        let consumer = self.consumer(batch: 10, retry: .never)
        _ = self.stage.start { try await consumer.run() }
        #expect(self.calls.labels == [])
        self.stage.advance(by: .milliseconds(20))
        #expect(self.calls.labels == ["one", "two"])
        #expect(self.store.count(.transaction) == 2)
        #expect(self.deadLetters.isEmpty)
    }
}
