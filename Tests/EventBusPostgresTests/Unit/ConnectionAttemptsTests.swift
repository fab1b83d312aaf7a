// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusPostgres

@Suite struct ConnectionAttemptsTests {
    private let start = ContinuousClock.now
    private let a = PostgresConfiguration.Host(name: "a", port: 1)
    private let b = PostgresConfiguration.Host(name: "b", port: 2)

    private func attempts(
        _ hosts: PostgresConfiguration.Host...,
        session: PostgresConfiguration.TargetSession = .any
    ) -> ConnectionAttempts {
        ConnectionAttempts(hosts: hosts, session: session, deadline: self.start + .seconds(12))
    }

    private func connect(
        _ host: PostgresConfiguration.Host,
        _ address: String?,
        _ session: PostgresConfiguration.TargetSession = .any
    ) -> ConnectionAttempts.Step {
        .connect(ConnectionTarget(host: host, address: address, session: session))
    }

    @Test func aSilentAddressUsesUpOnlyItsShare() {
        var attempts = self.attempts(self.a)
        #expect(attempts.next(now: self.start) == .lookUp(host: "a", place: 0))
        #expect(attempts.stepDeadline == self.start + .seconds(12))
        #expect(attempts.found(["10.0.0.1", "10.0.0.2"], at: 0) == true)
        #expect(attempts.next(now: self.start) == self.connect(self.a, "10.0.0.1"))
        #expect(attempts.stepDeadline == self.start + .seconds(6))
        #expect(attempts.next(now: self.start + .seconds(6)) == self.connect(self.a, "10.0.0.2"))
        #expect(attempts.stepDeadline == self.start + .seconds(12))
        #expect(attempts.next(now: self.start + .seconds(12)) == nil)
    }

    @Test func whatFailsEarlyLeavesItsTimeToTheOthers() {
        var attempts = self.attempts(self.a, self.b)
        #expect(attempts.next(now: self.start) == .lookUp(host: "a", place: 0))
        #expect(attempts.stepDeadline == self.start + .seconds(6))
        #expect(attempts.found(["10.0.0.1"], at: 0) == true)
        #expect(attempts.next(now: self.start) == self.connect(self.a, "10.0.0.1"))
        #expect(attempts.stepDeadline == self.start + .seconds(6))
        #expect(attempts.next(now: self.start + .seconds(1)) == .lookUp(host: "b", place: 1))
        #expect(attempts.stepDeadline == self.start + .seconds(12))
        #expect(attempts.found(["10.0.0.2"], at: 1) == true)
        #expect(attempts.next(now: self.start + .seconds(1)) == self.connect(self.b, "10.0.0.2"))
        #expect(attempts.next(now: self.start + .seconds(2)) == nil)
    }

    @Test func anAddressThatIsFoundTooLateIsNotUsed() {
        var attempts = self.attempts(self.a, self.b)
        _ = attempts.next(now: self.start)
        #expect(attempts.next(now: self.start + .seconds(6)) == .lookUp(host: "b", place: 1))
        let isTaken = [attempts.found(["10.0.0.1"], at: 0), attempts.found([], at: 1)]
        #expect(isTaken == [false, true])
        #expect(attempts.next(now: self.start + .seconds(7)) == nil)
    }

    @Test func theAddressesOfAHostThatUsesUpItsShareMakeWayForTheNextHost() {
        var attempts = self.attempts(self.a, self.b)
        _ = attempts.next(now: self.start)
        #expect(attempts.found(["10.0.0.1", "10.0.0.2"], at: 0) == true)
        #expect(attempts.next(now: self.start + .seconds(6)) == .lookUp(host: "b", place: 1))
    }

    @Test func aStandbyIsLookedForOnAllHostsBeforeAnyServerWillDo() {
        var attempts = self.attempts(self.a, self.b, session: .preferStandby)
        var targets: [ConnectionTarget] = []
        while let step = attempts.next(now: self.start) {
            switch step {
            case .lookUp(let host, let place): #expect(attempts.found(["10.0.0.\(host)"], at: place) == true)
            case .connect(let target): targets.append(target)
            }
        }
        #expect(targets.map(\.host.name) == ["a", "b", "a", "b"])
        #expect(targets.map(\.session) == [.standby, .standby, .any, .any])
    }

    @Test func aSocketNeedsNoAddress() {
        let socket = PostgresConfiguration.Host(name: "/run/postgresql", port: 5432)
        var attempts = self.attempts(socket)
        #expect(attempts.next(now: self.start) == self.connect(socket, nil))
        #expect(attempts.stepDeadline == self.start + .seconds(12))
    }

    @Test(arguments: [
        (
            "FATAL:  28P01: password authentication failed for user \"x\"\nLOCATION:  auth_failed, auth.c:335\n",
            "28P01", true
        ),
        ("FATAL:  53300: sorry, too many clients already\n", "53300", false),
        ("Connection refused\n\tIs the server running?\n", nil, false), ("session is read-only\n", nil, false),
    ])
    func theCodeOfARefusalIsFoundInTheMessage(message: String, state: String?, isAboutTheRole: Bool) {
        let refusal = ConnectionRefusal("connection to server at \"db\" (10.0.0.1), port 1 failed: \(message)")
        #expect(refusal.state?.code == state)
        #expect(refusal.isAboutTheRole == isAboutTheRole)
        #expect(!refusal.text.contains("\n"))
    }
}
