// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

/// A thread with a virtual clock, on which tasks run in the order in which they become ready.
///
/// For the differential test, which is in a package of its own.
@_spi(Verification) public struct DeterministicRun: Sendable {
    private let stage = ManualExecutor()

    /// Creates a thread on which nothing runs yet.
    public init() {}

    /// The time, which stands still until it is advanced.
    public var clock: VirtualClock { self.stage.clock }

    /// Runs `body`.
    ///
    /// - Returns: `nil` when it waits for something that nothing on this thread will do.
    public func callAsFunction<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value? {
        do {
            return try self.stage.run(body)
        } catch is ManualExecutor.StillWaiting {
            return nil
        }
    }

    /// An in-process bus on this clock.
    ///
    /// - Parameter choosing: decides which of the consumers that have room gets a message, by its place.
    public func bus(
        choosing: (@Sendable (_ consumers: [UInt64], _ message: Message) -> Int)? = nil
    ) -> InMemoryEventBus {
        InMemoryEventBus(clock: self.clock, choosing: choosing)
    }
}

@_spi(Verification) extension Message {
    /// Whether the message arrived as it was published.
    public func isUnchanged(from published: Message) -> Bool { (try? expectSame(self, published)) != nil }
}

@_spi(Verification) extension PublishOutcome {
    /// The outcome as a word, with the error's code when the message was not sent.
    public var word: String { self.name }
}
