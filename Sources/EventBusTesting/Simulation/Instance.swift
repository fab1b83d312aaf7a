// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import ServiceLifecycle
import Synchronization

/// A process of a simulation over all its lives.
final class Instance: Sendable {
    typealias Services = @Sendable (SimulatedProcess) throws -> [any Service]

    private struct State: Sendable {
        var process: SimulatedProcess?
        /// The program that the next life runs.
        var services: Services
        /// How often the program was replaced; that of the current life.
        var version = 0
        var runningVersion = 0
        var cancel: (@Sendable () -> Void)?
        var failure: ProcessFailed?
        var isStopped = false
        var hasEnded = false
    }

    let name: String
    private let world: SimulatedWorld
    private let calls: CallCounter
    private let state: Mutex<State>
    /// Raised when a life has ended.
    private let ends = Notifier()

    init(
        _ name: String,
        in world: SimulatedWorld,
        _ services: @escaping Services
    ) {
        self.name = name
        self.world = world
        self.state = Mutex(State(services: services))
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
        let (process, cancel) = self.state.withLock { state in
            state.isStopped = true
            return (state.process, state.cancel)
        }
        process?.letGo()
        cancel?()
    }

    /// The current life, unless the process is between two lives or has ended.
    var process: SimulatedProcess? { self.state.withLock { $0.process } }

    var isFrozen: Bool { self.process?.isFrozen == true }

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
        await self.letTimePass { self.ends.value > level }
    }

    /// Replaces the program: shuts the current life down gracefully and returns when one with the new program runs.
    func roll(to services: @escaping Services) async {
        let (process, version) = self.state.withLock { state in
            state.services = services
            state.version += 1
            return (state.process, state.version)
        }
        process?.shutDown()
        await self.letTimePass {
            self.state.withLock { state in
                state.hasEnded || state.isStopped || state.process != nil && state.runningVersion >= version
            }
        }
    }

    func advance(by duration: Duration) async {
        await self.world.advance(by: duration)
    }

    private func letTimePass(until isDone: () -> Bool) async {
        while true {
            await self.world.executor.untilIdle()
            guard !isDone(), let next = self.world.clock.nextDeadline else { return }
            self.world.advance(to: next)
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
        let (program, version) = self.state.withLock { ($0.services, $0.version) }
        let services: ServiceGroup
        do {
            let parts = try program(process)
            process.reports.add(parts)
            services = ServiceGroup(
                configuration: .init(
                    services: parts.map { .init(service: NamedService(base: $0)) },
                    logger: self.world.logger
                )
            )
        } catch {
            return self.fail(error)
        }
        self.state.withLock { state in
            state.process = process
            state.runningVersion = version
        }
        process.executor.setFault { [weak process] step in process?.hit(step: step) }
        await withTaskGroup(of: End.self) { group in
            group.addTask(executorPreference: process.executor) {
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
            group.addTask(executorPreference: process.executor) {
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
