// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension SimulatedProcess {
    /// Whether the process is frozen.
    public var isFrozen: Bool { self.executor.isFrozen }

    /// Freezes the process as SIGSTOP or a paused virtual machine would: it neither works nor dies.
    ///
    /// Its calls do not return and its timers do not fire, while its connections, transactions, outboxes and unsettled deliveries
    /// stay its own. When the time is over it continues as if nothing had happened. Only its death ends the freeze sooner. A store
    /// rolls an open transaction back after 60 s, as `PostgresConfiguration.idleInTransactionTimeout` does by default.
    ///
    /// - Parameters:
    ///   - duration: how long, above zero.
    ///   - heartbeat: after which time the bus closes the process's connections; `nil` for never.
    ///   - lease: after which time the stores end its sessions, so that others can own its outboxes; `nil` for never.
    public func freeze(
        for duration: Duration,
        busGivesUpAfter heartbeat: Duration? = nil,
        storesGiveUpAfter lease: Duration? = nil
    ) {
        require(duration > .zero, "duration is \(duration), must be above zero")
        guard !self.isLetGo, !self.isFrozen else { return }
        self.record(.note("freezes for \(duration)"))
        self.executor.freeze()
        let now = self.clock.now
        for (limit, sessions, note) in [
            (heartbeat, self.connections, "has its connections closed by the bus"),
            (min(lease ?? .seconds(60), .seconds(60)), self.transactions, "has its transactions ended by the stores"),
            (lease, self.ownerships, "has its sessions ended by the stores"),
        ] {
            guard let limit, limit < duration else { continue }
            self.clock.call(at: now.advanced(by: limit)) {
                guard self.isFrozen else { return }
                guard sessions.endAll() else { return }
                self.record(.note(note))
            }
        }
        self.clock.call(at: now.advanced(by: duration)) {
            guard self.isFrozen else { return }
            self.record(.note("thaws"))
            self.executor.thaw()
        }
    }

    /// A fault that hits between two calls.
    func hit(step: Int) {
        guard !self.isLetGo else { return }
        switch self.draw(step: step) {
        case .shutdown:
            self.record(.note("\(Fault.shutdown.rawValue) between two calls"))
            self.shutDown()
        case .freeze:
            self.freezeAtRandom()
        case .clockStep:
            // A few seconds as often as many minutes.
            let size = [5, 300, 3600][self.below(3)]
            let step = Duration.milliseconds(1 + self.below(size * 1000))
            self.world.stepWallClock(
                by: self.below(2) == 0 ? step : .zero - step,
                for: .milliseconds(1 + self.below(600_000))
            )
        default: break
        }
    }

    private func freezeAtRandom() {
        // Mostly the pause of an overloaded machine; sometimes long enough for every limit to pass.
        let longest = self.below(4) == 0 ? 900_000 : 20_000
        self.freeze(
            for: .milliseconds(1 + self.below(longest)),
            busGivesUpAfter: .milliseconds(1000 + self.below(60_000)),
            storesGiveUpAfter: self.below(2) == 0 ? nil : .milliseconds(1000 + self.below(60_000))
        )
    }

    /// Waits without heeding cancellation, as a handler that blocks would, until the time has passed or the process has died.
    ///
    /// - Parameter duration: how long, above zero.
    public func hang(for duration: Duration) async {
        require(duration > .zero, "duration is \(duration), must be above zero")
        await withCheckedContinuation { continuation in
            let id = self.hanging.open { continuation.resume() }
            if self.isLetGo {
                self.hanging.endAll()
                return
            }
            self.clock.call(at: self.clock.now.advanced(by: duration)) {
                if self.hanging.close(id) { continuation.resume() }
            }
        }
    }
}
