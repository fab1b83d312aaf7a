// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// The order in which one connection is tried: one host after the other, and of each host one address after the other.
///
/// A pure state machine. The order is random, so that the connections of a program are spread over a cluster, and so that a node
/// or an address that accepts connections and answers nothing does not come first each time. Every host has an equal share of the
/// time that is left, and so has every address of a host. Hosts that have failed lately come last.
struct ConnectionPlan {
    enum Step: Hashable {
        /// The addresses of the host are needed, for ``found(_:using:)``.
        case lookUp
        case connect(SocketAddress)
    }

    private var hosts: ArraySlice<RabbitConfiguration.Host>
    private let deadline: NIODeadline
    /// The host whose turn it is.
    private(set) var host: RabbitConfiguration.Host?
    private var addresses: ArraySlice<SocketAddress> = []
    private var hostDeadline: NIODeadline
    /// When the current step has taken too long.
    private(set) var stepDeadline: NIODeadline
    private var failures: [(host: RabbitConfiguration.Host, address: SocketAddress?, cause: ConnectionFailure)] = []
    private var address: SocketAddress?

    init(
        _ hosts: [RabbitConfiguration.Host],
        after failures: HostFailures = HostFailures(),
        now: NIODeadline = .now(),
        deadline: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) {
        self.hosts = failures.sorted(hosts.shuffled(using: &generator), now: now)[...]
        self.deadline = deadline
        self.hostDeadline = deadline
        self.stepDeadline = deadline
    }

    /// What to do next, until ``stepDeadline``; `nil` when everything has been tried or the time is over.
    mutating func next(now: NIODeadline) -> Step? {
        self.address = nil
        guard now < self.deadline else { return nil }
        if now < self.hostDeadline, let address = self.addresses.popFirst() {
            self.address = address
            self.stepDeadline = Self.share(until: self.hostDeadline, now, of: self.addresses.count + 1)
            return .connect(address)
        }
        self.addresses = []
        guard let host = self.hosts.popFirst() else { return nil }
        self.host = host
        self.hostDeadline = Self.share(until: self.deadline, now, of: self.hosts.count + 1)
        self.stepDeadline = self.hostDeadline
        return .lookUp
    }

    /// Takes the addresses of the host whose turn it is.
    mutating func found(_ addresses: [SocketAddress], using generator: inout some RandomNumberGenerator) {
        self.addresses = addresses.shuffled(using: &generator)[...]
    }

    /// The step has failed.
    mutating func failed(_ cause: ConnectionFailure) {
        guard let host = self.host else { return }
        self.failures.append((host, self.address, cause))
    }

    /// Why there is no connection: the cause for every host and address.
    var failure: ConnectionFailure {
        var parts = self.failures.map { host, address, cause in
            // A host that is an address needs no second one.
            let text = address?.ipAddress.flatMap { $0 == host.name ? nil : " (\($0))" } ?? ""
            return "\(host)\(text): \(cause.text)"
        }
        parts += self.hosts.map { "\($0): not tried, no time was left" }
        return ConnectionFailure(self.code, parts.joined(separator: "; "))
    }

    /// The code of a broker's refusal only if every host has refused: one that could not be reached may accept soon.
    private var code: ConnectionFailure.Code {
        var codes: [RabbitConfiguration.Host: ConnectionFailure.Code] = [:]
        for (host, _, cause) in self.failures where codes[host, default: .unreachable] == .unreachable {
            codes[host] = cause.code
        }
        let refusal = self.failures.last.flatMap { codes[$0.host] }
        let isReached = self.hosts.isEmpty && codes.values.allSatisfy { $0 != .unreachable }
        return isReached ? refusal ?? .unreachable : .unreachable
    }

    private static func share(until deadline: NIODeadline, _ now: NIODeadline, of count: Int) -> NIODeadline {
        now + .nanoseconds((deadline - now).nanoseconds / Int64(count))
    }
}
