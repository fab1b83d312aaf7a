// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import NIOCore
import Testing

@testable import EventBusRabbit

@Suite("The order in which hosts and addresses are tried")
struct ConnectionPlanTests {
    private typealias Host = RabbitConfiguration.Host

    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func hosts(_ names: String...) -> [Host] { names.map { Host(name: $0, port: 5672) } }

    private func addresses(_ texts: String...) throws -> [SocketAddress] {
        try texts.map { try SocketAddress(ipAddress: $0, port: 5672) }
    }

    private func seconds(_ count: Int64) -> NIODeadline { ConnectionPlanTests.start + .seconds(count) }

    @Test("Every host is tried once, and each of them comes first sometimes")
    func order() {
        var firsts: Set<String> = []
        for seed in 0..<50 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var plan = ConnectionPlan(self.hosts("a", "b", "c"), deadline: self.seconds(9), using: &random)
            var tried: [String] = []
            while plan.next(now: self.seconds(0)) == .lookUp, let host = plan.host { tried.append(host.name) }
            #expect(tried.sorted() == ["a", "b", "c"])
            firsts.insert(tried[0])
        }
        #expect(firsts == ["a", "b", "c"])
    }

    @Test("Hosts that have failed within half a minute come last, the latest failure at the very end")
    func failedHosts() {
        let hosts = self.hosts("a", "b", "c", "d")
        var failures = HostFailures()
        for (host, second) in zip([2, 0, 1], [1, 2, 3] as [Int64]) {
            failures.failed(hosts[host], now: self.seconds(second))
        }
        func order(at second: Int64, _ seed: UInt64) -> [String] {
            var random = SeededRandom(seed: seed)
            var plan = ConnectionPlan(
                hosts,
                after: failures,
                now: self.seconds(second),
                deadline: self.seconds(99),
                using: &random
            )
            var tried: [String] = []
            while plan.next(now: self.seconds(second)) == .lookUp, let host = plan.host { tried.append(host.name) }
            return tried
        }
        #expect(Set((0..<50).map { order(at: 4, $0) }) == [["d", "c", "a", "b"]])
        // Only the failure of b is recent; the order of the others is random again.
        let later = Set((0..<200).map { order(at: 32, $0) })
        #expect(later.count == 6 && later.allSatisfy { $0.last == "b" })
    }

    @Test("Every address of a host is tried once, and each of them comes first sometimes")
    func addressOrder() throws {
        var firsts: Set<SocketAddress?> = []
        let all = try self.addresses("10.0.0.1", "10.0.0.2", "::1")
        for seed in 0..<50 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var plan = ConnectionPlan(self.hosts("a"), deadline: self.seconds(9), using: &random)
            #expect(plan.next(now: self.seconds(0)) == .lookUp)
            plan.found(all, using: &random)
            var tried: [SocketAddress] = []
            while case .connect(let address) = plan.next(now: self.seconds(0)) { tried.append(address) }
            #expect(Set(tried) == Set(all) && tried.count == 3)
            firsts.insert(tried.first)
        }
        #expect(firsts.count == 3)
    }

    @Test("A silent host uses up only its share of the time, and a silent address only its share of the host's")
    func shares() throws {
        var random = SeededRandom(seed: 1)
        var plan = ConnectionPlan(self.hosts("a", "b", "c"), deadline: self.seconds(9), using: &random)
        #expect(plan.next(now: self.seconds(0)) == .lookUp)
        #expect(plan.stepDeadline == self.seconds(3))
        plan.found(try self.addresses("10.0.0.1", "10.0.0.2"), using: &random)
        _ = plan.next(now: self.seconds(1))
        #expect(plan.stepDeadline == self.seconds(2))
        _ = plan.next(now: self.seconds(2))
        #expect(plan.stepDeadline == self.seconds(3))
        #expect(plan.next(now: self.seconds(3)) == .lookUp)
        #expect(plan.stepDeadline == self.seconds(6))
    }

    @Test("What fails early leaves its time to the others")
    func early() throws {
        var random = SeededRandom(seed: 1)
        var plan = ConnectionPlan(self.hosts("a", "b"), deadline: self.seconds(10), using: &random)
        #expect(plan.next(now: self.seconds(0)) == .lookUp)
        #expect(plan.next(now: self.seconds(0)) == .lookUp)
        #expect(plan.stepDeadline == self.seconds(10))
        plan.found(try self.addresses("10.0.0.1"), using: &random)
        _ = plan.next(now: self.seconds(2))
        #expect(plan.stepDeadline == self.seconds(10))
    }

    @Test("A host whose time is over is left, although it has more addresses")
    func overtime() throws {
        var random = SeededRandom(seed: 1)
        var plan = ConnectionPlan(self.hosts("a", "b"), deadline: self.seconds(10), using: &random)
        #expect(plan.next(now: self.seconds(0)) == .lookUp)
        let first = plan.host
        plan.found(try self.addresses("10.0.0.1", "10.0.0.2"), using: &random)
        #expect(plan.next(now: self.seconds(5)) == .lookUp)
        #expect(plan.host != first)
    }

    @Test("When the time is over nothing more is tried, and the failure says so")
    func end() {
        var random = SeededRandom(seed: 1)
        var plan = ConnectionPlan(self.hosts("a", "b"), deadline: self.seconds(10), using: &random)
        _ = plan.next(now: self.seconds(0))
        let hosts = [plan.host?.name, plan.host?.name == "a" ? "b" : "a"].compactMap { $0 }
        plan.failed(ConnectionFailure(.unreachable, "connecting took too long"))
        #expect(plan.next(now: self.seconds(10)) == nil)
        #expect(
            plan.failure.text
                == "\(hosts[0]):5672: connecting took too long; \(hosts[1]):5672: not tried, no time was left"
        )
        #expect(plan.failure.code == .unreachable)
    }

    @Test("The code is that of a refusal only if every host has refused, whichever of its addresses has")
    func refusals() throws {
        var random = SeededRandom(seed: 1)
        for isOneAway in [false, true] {
            var plan = ConnectionPlan(self.hosts("a", "b"), deadline: self.seconds(9), using: &random)
            for hasAnswered in [true, !isOneAway] {
                #expect(plan.next(now: self.seconds(0)) == .lookUp)
                plan.found(try self.addresses("10.0.0.1", "10.0.0.2"), using: &random)
                for code in [hasAnswered ? .closedByBroker(403) : .unreachable, .unreachable]
                    as [ConnectionFailure.Code]
                {
                    _ = plan.next(now: self.seconds(0))
                    plan.failed(ConnectionFailure(code, "failed"))
                }
            }
            #expect(plan.failure.code == (isOneAway ? .unreachable : .closedByBroker(403)))
        }
    }

    @Test("The failure has the cause of every host and address")
    func causes() throws {
        var random = SeededRandom(seed: 1)
        let hosts = [Host(name: "name", port: 1), Host(name: "10.0.0.9", port: 2), Host(name: "::1", port: 3)]
        var plan = ConnectionPlan(hosts, deadline: self.seconds(9), using: &random)
        while plan.next(now: self.seconds(0)) != nil, let host = plan.host {
            switch host.name {
            case "name":
                plan.found(try self.addresses("10.0.0.1"), using: &random)
                _ = plan.next(now: self.seconds(0))
                plan.failed(ConnectionFailure(.unreachable, "refused"))
            case "10.0.0.9":
                plan.found(try self.addresses("10.0.0.9"), using: &random)
                _ = plan.next(now: self.seconds(0))
                plan.failed(ConnectionFailure(.closedByBroker(403), "403 ACCESS_REFUSED"))
            default:
                plan.failed(ConnectionFailure(.unreachable, "the name has no address"))
            }
        }
        #expect(plan.failure.code == .unreachable)
        #expect(
            Set(plan.failure.text.split(separator: "; ")) == [
                "name:1 (10.0.0.1): refused", "10.0.0.9:2: 403 ACCESS_REFUSED", "[::1]:3: the name has no address",
            ]
        )
    }
}
