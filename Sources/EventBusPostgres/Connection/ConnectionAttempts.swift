// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The order in which a session is tried: one host after the other, and of each host one address after the other.
///
/// A pure state machine. Every host has an equal share of the time that is left, and so has every address of a host, so that a silent
/// one does not use up the time of those behind it. What fails early leaves its time to the others.
struct ConnectionAttempts: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Step: Sendable, Hashable {
        /// The addresses of a host are needed, for `found(_:at:)`.
        case lookUp(host: String, place: Int)
        case connect(ConnectionTarget)
    }

    private let places: [(host: PostgresConfiguration.Host, session: PostgresConfiguration.TargetSession)]
    private let deadline: Instant
    private var place = -1
    private var placeDeadline: Instant
    private var addresses: ArraySlice<String> = []
    /// When the current step has taken too long.
    private(set) var stepDeadline: Instant

    init(
        hosts: [PostgresConfiguration.Host],
        session: PostgresConfiguration.TargetSession,
        deadline: Instant
    ) {
        // As libpq does: all hosts are asked for a standby before any of them will do.
        let sessions: [PostgresConfiguration.TargetSession] = session == .preferStandby ? [.standby, .any] : [session]
        self.places = sessions.flatMap { session in hosts.map { ($0, session) } }
        self.deadline = deadline
        self.placeDeadline = deadline
        self.stepDeadline = deadline
    }

    /// What to do next, until `stepDeadline`; `nil` when everything has been tried or the time is over.
    mutating func next(now: Instant) -> Step? {
        guard now < self.deadline else { return nil }
        if now < self.placeDeadline, let address = self.addresses.popFirst() {
            self.stepDeadline = now + now.duration(to: self.placeDeadline) / (self.addresses.count + 1)
            return .connect(self.target(address))
        }
        self.place += 1
        self.addresses = []
        guard self.place < self.places.count else { return nil }
        self.placeDeadline = now + now.duration(to: self.deadline) / (self.places.count - self.place)
        self.stepDeadline = self.placeDeadline
        let host = self.places[self.place].host
        return host.isSocketDirectory ? .connect(self.target(nil)) : .lookUp(host: host.name, place: self.place)
    }

    /// Takes the addresses of a host, unless that has taken too long and another host is being tried.
    ///
    /// Returns whether it has taken them.
    mutating func found(_ addresses: [String], at place: Int) -> Bool {
        guard place == self.place else { return false }
        self.addresses = addresses[...]
        return true
    }

    private func target(_ address: String?) -> ConnectionTarget {
        let (host, session) = self.places[self.place]
        return ConnectionTarget(host: host, address: address, session: session)
    }
}

/// Where a session is opened, and what kind of server it must find there.
struct ConnectionTarget: Sendable, Hashable, CustomStringConvertible {
    let host: PostgresConfiguration.Host
    /// The numeric address; `nil` for a socket.
    let address: String?
    let session: PostgresConfiguration.TargetSession

    var description: String {
        self.address.map { "\(self.host.name) (\($0), port \(self.host.port))" } ?? self.host.name
    }
}
