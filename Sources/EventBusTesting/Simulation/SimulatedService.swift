// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
public import ServiceLifecycle

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

    /// Replaces the program of one process after the other, as a rolling upgrade does, and lets time pass meanwhile.
    ///
    /// Each process is shut down gracefully and starts again with the new program; the next one follows when it runs. Until then
    /// both programs work side by side. To roll back, call it with the old program.
    ///
    /// - Parameters:
    ///   - pause: how long to wait between two processes, not negative.
    ///   - services: creates the services of the new program, as in ``Simulation/start(_:instances:_:)``.
    public func roll(
        pause: Duration = .zero,
        to services: @escaping @Sendable (SimulatedProcess) throws -> [any Service]
    ) async {
        require(pause >= .zero, "pause is \(pause), must not be negative")
        for instance in self.instances {
            await instance.roll(to: services)
            await instance.advance(by: pause)
        }
    }

    /// Asks the processes to shut down; each starts again within two seconds, with the same program.
    ///
    /// It does not wait. It does nothing to a process that has not started yet or is between two lives.
    public func restart() {
        for instance in self.instances { instance.process?.shutDown() }
    }

    /// Freezes the processes; see ``SimulatedProcess/freeze(for:busGivesUpAfter:storesGiveUpAfter:)``.
    ///
    /// It does nothing to a process that has not started yet or is between two lives.
    public func freeze(
        for duration: Duration,
        busGivesUpAfter heartbeat: Duration? = nil,
        storesGiveUpAfter lease: Duration? = nil
    ) {
        for instance in self.instances {
            instance.process?.freeze(for: duration, busGivesUpAfter: heartbeat, storesGiveUpAfter: lease)
        }
    }
}
