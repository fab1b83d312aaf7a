// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
public import Logging
public import ServiceLifecycle

/// The public keys of another service, fetched when this one starts, every five minutes, and when a token names a key that is
/// missing; those of the last time stay for a day when that fails.
public actor RemoteKeys: Service {
    /// Fetches a JWK set.
    typealias Fetch = @Sendable () async throws -> [UInt8]

    private let fetch: Fetch
    private let now: @Sendable () -> Duration
    private let sleep: @Sendable (_ until: Duration) async throws -> Void
    private let logger: Logger
    private var cache = KeyCache()
    /// The fetch under way, for which everybody waits who needs it.
    private var fetching: Task<Void, Never>?

    /// Creates the keys of a service; they are fetched from `run()` on.
    ///
    /// - Parameters:
    ///   - location: where the JWK set is.
    ///   - logger: logs when keys cannot be fetched, and when they can again.
    public init(_ location: KeysLocation, logger: Logger) {
        self.init(clock: .continuous, logger: logger) { try await KeysRequest(location).send() }
    }

    init<C: Clock<Duration>>(clock: C, logger: Logger, fetch: @escaping Fetch) {
        let start = clock.now
        self.fetch = fetch
        self.now = { start.duration(to: clock.now) }
        self.sleep = { try await clock.sleep(until: start.advanced(by: $0), tolerance: nil) }
        self.logger = logger
    }

    /// Fetches keys until graceful shutdown.
    public func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await self.sleep(await self.cache.nextFetch)
                // Somebody else may have fetched them in the meantime.
                if await self.cache.nextFetch <= self.now() { await self.update() }
            }
        }
    }

    /// A note while keys are missing or old: there is work without them.
    public var health: Health {
        Health(notes: self.cache.note(at: self.now()).map { [$0] } ?? [])
    }

    /// The keys, with the one that a token names if the other service has it.
    ///
    /// - Throws: ``Problem`` with status 503 while there are none, or only ones that are too old.
    func keys(for id: String) async throws -> VerificationKeys {
        if let fetching = self.fetching, self.cache.keys(at: self.now())?.contains(id) != true {
            await fetching.value
        } else if self.cache.mayFetch(for: id, at: self.now()) {
            await self.update()
        }
        guard let keys = self.cache.keys(at: self.now()) else {
            throw Problem.unavailable("Access tokens cannot be verified at the moment.", retryAfter: 10)
        }
        return keys
    }

    func update() async {
        self.cache.begin(at: self.now())
        // A task of its own: that one caller is cancelled is no reason to fail the others.
        let task = Task { await self.fetchOnce() }
        self.fetching = task
        await task.value
        self.fetching = nil
    }

    private func fetchOnce() async {
        do {
            let keys = try VerificationKeys(json: try await self.fetch())
            if self.cache.isFailing { self.logger.notice("The keys that verify access tokens can be fetched again") }
            self.cache.succeed(with: keys, at: self.now())
        } catch {
            if !self.cache.isFailing {
                self.logger.warning(
                    "Could not fetch the keys that verify access tokens",
                    metadata: ["auth.problem": "\(error)"]
                )
            }
            if self.cache.fail("\(error)", at: self.now()) {
                self.logger.error(
                    "The keys that verify access tokens are too old: no token is accepted until they can be fetched",
                    metadata: ["auth.problem": "\(error)"]
                )
            }
        }
    }
}
