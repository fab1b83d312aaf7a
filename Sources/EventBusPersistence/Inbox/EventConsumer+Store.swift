// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import Logging

extension EventConsumer {
    /// Creates a consumer whose handlers change a store, with exactly one effect per event.
    ///
    /// The note that an event has been handled (inbox), the handler's writes and the events that it publishes (outbox)
    /// commit in one transaction; only then is the delivery settled. While the store is unavailable the consumer holds its
    /// deliveries and uses up no attempt. At most `RetryPolicy.attempts` attempts are started per message, crashes included, and
    /// as many again each time that the message is redriven. Effects outside the store may happen more than once.
    ///
    /// Options out of range, no handler, or two handlers for one topic are programming errors.
    ///
    /// - Parameters:
    ///   - name: the subscription; consumers of one name share its messages.
    ///   - bus: where the events come from.
    ///   - store: where inbox, effects and outbox are kept.
    ///   - batch: how many deliveries may share a transaction, at least 1. When one of them fails, each is handled by
    ///     itself, so that handlers may run again; the time limit then holds for the transaction.
    ///   - options: order, prefetch, concurrency, retries, time limit.
    ///   - clock: measures time limits and delays.
    ///   - logger: gets a line for each retry and each dead letter.
    ///   - handlers: one `On` per event type.
    public init(
        _ name: SubscriptionName,
        on bus: any EventBus,
        store: any Store,
        batch: Int = 1,
        options: ConsumerOptions = ConsumerOptions(),
        clock: any Clock<Duration> = ContinuousClock(),
        logger: Logger = .current,
        @OnBuilder<Transaction> _ handlers: () -> [On<Transaction>]
    ) {
        require(batch >= 1, "consumer \(name): batch is \(batch), must be at least 1")
        let processor = StoreProcessor(
            consumer: name,
            store: store,
            handlers: HandlerTable(handlers(), of: name),
            batch: batch
        )
        self.init(name, on: bus, options: options, processor: processor, clock: clock, logger: logger)
    }
}

extension On where Scope == Transaction {
    /// Handles events of a type within a transaction; `message` has the id, the headers and the time.
    public init<E: Event>(
        _ type: E.Type,
        _ handler:
            @escaping @Sendable (
                _ event: E, _ message: Message, _ transaction: borrowing Transaction
            ) async throws -> Void
    ) {
        self.init(topic: E.topic, version: E.version) { message, transaction in
            try await handler(try message.decodeOrPoison(E.self), message, transaction)
        }
    }

    /// Handles events of a type within a transaction.
    public init<E: Event>(
        _ type: E.Type,
        _ handler: @escaping @Sendable (_ event: E, _ transaction: borrowing Transaction) async throws -> Void
    ) {
        self.init(type) { event, _, transaction in try await handler(event, transaction) }
    }

    /// Handles events of a type within a transaction; a conflict on a key means that the effect already exists.
    ///
    /// For events about one thing that can arrive under different message ids, from different producers: the second one counts
    /// as handled, and its transaction is rolled back.
    public init<E: Event, Model>(
        _ type: E.Type,
        doneOn key: UniqueKey<Model>,
        _ handler: @escaping @Sendable (_ event: E, _ transaction: borrowing Transaction) async throws -> Void
    ) {
        self.init(
            topic: E.topic,
            version: E.version,
            isDone: { ($0 as? RepositoryError)?.isConflict(on: key) == true },
            run: { message, transaction in try await handler(try message.decodeOrPoison(E.self), transaction) }
        )
    }
}
