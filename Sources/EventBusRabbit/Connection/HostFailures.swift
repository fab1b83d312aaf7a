// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Which hosts have failed lately, so that they are tried last: a pure value.
///
/// A node that is frozen or cut off from the others accepts connections all the same. It is no more than a preference: when all hosts
/// have failed, the one comes first whose failure is the longest ago.
struct HostFailures {
    /// After that long a failure is forgotten, so that connections spread over all hosts again.
    static let memory = TimeAmount.seconds(30)

    private var last: [RabbitConfiguration.Host: NIODeadline] = [:]

    mutating func failed(_ host: RabbitConfiguration.Host, now: NIODeadline) {
        self.last[host] = now
    }

    /// Moves the hosts that have failed lately to the end; those that have not keep their order.
    func sorted(_ hosts: [RabbitConfiguration.Host], now: NIODeadline) -> [RabbitConfiguration.Host] {
        let recent = self.last.filter { now - $0.value < Self.memory }
        let failed = hosts.compactMap { host in recent[host].map { (host: host, time: $0) } }
        return hosts.filter { recent[$0] == nil } + failed.sorted { $0.time < $1.time }.map(\.host)
    }
}
