// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import ServiceLifecycle
import Synchronization

/// A process of a simulation over all its lives.
final class Instance: Sendable {
    private struct State: Sendable {
        var process: SimulatedProcess?
        var cancel: (@Sendable () -> Void)?
        var failure: ProcessFailed?
        var isStopped = false
        var hasEnded = false
    }

    let name: String
    private let world: SimulatedWorld
    private let services: @Sendable (SimulatedProcess) throws -> [any Service]
    private let calls: CallCounter
    private let state = Mutex(State())
    /// Raised when a life has ended.
    private let ends = Notifier()

    init(
        _ name: String,
        in world: SimulatedWorld,
        _ services: @escaping @Sendable (SimulatedProcess) throws -> [any Service]
    ) {
        self.name = name
        self.world = world
        self.services = services
        self.calls = world.calls(of: name)
    }

    /// Why the process ended by itself.
    var failure: ProcessFailed? { self.state.withLock { $0.failure } }

    var hasEnded: Bool { self.state.withLock { $0.hasEnded } }

    func start() {
        // Unstructured, since it outlives the test's task; the simulation waits for it.
        let task = Task(executorPreference: self.world.executor) {
            await self.live()
            self.state.withLock { $0.hasEnded = true }
            self.ends.raise()
        }
        self.state.withLock { $0.cancel = { task.cancel() } }
    }

    func cancel() {
        let cancel = self.state.withLock { state in
            state.isStopped = true
            return state.cancel
        }
        cancel?()
    }

    /// Whether the next life starts at a later time.
    var isRestarting: Bool { self.state.withLock { $0.process == nil && !$0.isStopped && !$0.hasEnded } }

    /// Ends the current life at once, if there is one.
    func kill() async {
        let (process, level) = (self.state.withLock { $0.process }, self.ends.value)
        guard let process else { return }
        process.die()
        _ = try? await self.ends.wait(above: level)
    }

    /// Shuts the current life down gracefully and starts no other.
    func stop() async {
        let (process, level) = self.state.withLock { state in
            state.isStopped = true
            return (state.process, self.ends.value)
        }
        guard let process else { return }
        process.shutDown()
        // Services that drain may wait for the clock.
        while true {
            await self.world.executor.untilIdle()
            guard self.ends.value == level, let next = self.world.clock.nextDeadline else { return }
            self.world.clock.advance(to: next)
        }
    }

    private var isStopped: Bool { self.state.withLock { $0.isStopped } }

    private func live() async {
        var life = 0
        while !self.isStopped {
            life += 1
            let process = SimulatedProcess(self.name, life: life, in: self.world, calls: self.calls)
            process.record(.note("starts"))
            await self.live(process)
            self.state.withLock { $0.process = nil }
            self.ends.raise()
            guard !self.isStopped, self.failure == nil else { return }
            // A supervisor takes a while to start a process again.
            try? await self.world.clock.sleep(for: .milliseconds(10 + self.calls.below(2000)))
        }
    }

    private enum End { case services, death, shutdownRequest }

    private func live(_ process: SimulatedProcess) async {
        let services: ServiceGroup
        do {
            services = ServiceGroup(
                configuration: .init(
                    services: try self.services(process).map { .init(service: NamedService(base: $0)) },
                    logger: self.world.logger
                )
            )
        } catch {
            return self.fail(error)
        }
        self.state.withLock { $0.process = process }
        await withTaskGroup(of: End.self) { group in
            group.addTask {
                let result: Result<Void, any Error>
                do {
                    result = .success(
                        try await Quarantine.$semaphore.withValue(AsyncSemaphore()) { try await services.run() }
                    )
                } catch { result = .failure(error) }
                self.ended(process, result)
                return .services
            }
            group.addTask {
                await process.death.wait()
                return .death
            }
            group.addTask {
                await process.shutdown.wait()
                if !Task.isCancelled { await services.triggerGracefulShutdown() }
                return .shutdownRequest
            }
            while await group.next() == .shutdownRequest {}
            group.cancelAll()
        }
    }

    /// A process that ends without having been killed or shut down fails the test.
    private func ended(_ process: SimulatedProcess, _ result: Result<Void, any Error>) {
        guard !process.isDead, !self.isStopped else { return }
        switch result {
        case .success where process.isShuttingDown: break
        case .success: self.fail(nil)
        case .failure(let error): self.fail(error)
        }
    }

    private func fail(_ error: (any Error)?) {
        self.world.history.record(.note("has ended by itself"), at: self.name)
        self.state.withLock { $0.failure = $0.failure ?? ProcessFailed(process: self.name, cause: error) }
    }
}

/// A service with a cheap description: by default a group describes everything that a service holds.
private struct NamedService: Service, CustomStringConvertible {
    let base: any Service

    var description: String { "service of a simulation" }

    func run() async throws { try await self.base.run() }
}

/// A process of a simulation ended by itself, neither killed nor stopped.
public struct ProcessFailed: Error, CustomStringConvertible {
    /// The process.
    public let process: String
    /// The error that its services threw; `nil` if they returned.
    public let cause: (any Error)?

    /// The process and the error.
    public var description: String {
        "process \(self.process) ended by itself: \(self.cause.map { "\($0)" } ?? "its services returned")"
    }
}

/// The processes of one name in a ``Simulation``.
public struct SimulatedService: Sendable {
    let instances: [Instance]

    /// Kills the processes at once; each starts again within two seconds.
    ///
    /// It does nothing to a process that has not started yet or is between two lives.
    public func kill() async {
        for instance in self.instances { await instance.kill() }
    }

    /// Shuts the processes down gracefully and returns when they have ended; they do not start again.
    public func stop() async {
        for instance in self.instances { await instance.stop() }
    }
}
