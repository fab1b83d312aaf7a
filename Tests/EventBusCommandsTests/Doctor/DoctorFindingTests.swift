// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusRabbit
import Foundation
import Testing

@testable import EventBusCommands

@Suite("What the doctor says")
struct DoctorFindingTests {
    private let healthy = BrokerExamination(
        host: "broker:5672",
        version: (4, 3),
        channels: 2047,
        frameBytes: 131_072,
        heartbeat: 15,
        connecting: .milliseconds(12),
        roundTrip: .microseconds(640),
        rights: [.init("publish to exchange events", .granted)]
    )

    private func texts(_ change: (inout BrokerExamination) -> Void, isEncrypted: Bool = true, isLocal: Bool = false)
        -> [String]
    {
        var examination = self.healthy
        change(&examination)
        return BrokerFindings.all(examination, isEncrypted: isEncrypted, isLocal: isLocal)
            .map { "\($0.state.rawValue) \($0.check): \($0.text)" }
    }

    @Test("All is well")
    func healthyBroker() {
        #expect(
            self.texts { _ in } == [
                "ok connect: broker:5672, logged in after 12.0 ms, an answer takes 0.6 ms, encrypted",
                "ok version: RabbitMQ 4.3",
                "ok limits: frames of 131072 bytes, 2047 channels, heartbeats of 15 s",
                "ok publish: may publish to exchange events",
            ]
        )
    }

    @Test("Plain text is a warning, except on the same machine")
    func plainText() {
        #expect(self.texts({ _ in }, isEncrypted: false)[0].hasPrefix("warning connect"))
        #expect(self.texts({ _ in }, isEncrypted: false, isLocal: true)[0].hasPrefix("ok connect"))
    }

    @Test(
        "Versions",
        arguments: [
            ((3, 9), "problem"), ((3, 10), "ok"), ((3, 13), "ok"), ((4, 3), "ok"), ((4, 4), "warning"),
            ((5, 0), "warning"),
        ]
    )
    func versions(_ version: (Int, Int), _ state: String) {
        #expect(self.texts { $0.version = version }[1] == "\(state) version: RabbitMQ \(version.0).\(version.1)")
    }

    @Test("What is not known is said so")
    func unknown() {
        let texts = self.texts {
            $0.version = nil
            $0.rights = [.init("consume from a", .unknown("7 messages wait"))]
        }
        #expect(texts[1] == "unknown version: the broker did not tell it")
        #expect(texts[3] == "unknown consume: consume from a: 7 messages wait")
    }

    @Test("Limits, slowness and rights")
    func problems() {
        #expect(self.texts { $0.channels = 8 }[2] == "problem limits: 8 channels for each connection")
        #expect(self.texts { $0.channels = 0 }[2].hasPrefix("ok limits"), "0 is no limit")
        #expect(self.texts { $0.heartbeat = 0 }[2] == "warning limits: no heartbeats")
        #expect(self.texts { $0.roundTrip = .milliseconds(80) }[0].hasPrefix("warning connect"))
        let texts = self.texts {
            $0.rights = [
                .init("publish to exchange events", .refused("403")), .init("consume from a", .missing("404")),
            ]
        }
        #expect(
            texts[3...] == ["problem publish: publish to exchange events: 403", "problem consume: consume from a: 404"]
        )
    }

    private func management(
        _ node: ManagementFacts.Node? = nil,
        flags: [ManagementFacts.Flag] = [],
        clockAhead: Double? = 0.7
    ) -> [String] {
        let healthy = ManagementFacts.Node(
            name: "rabbit@a",
            running: true,
            memoryAlarm: false,
            diskAlarm: false,
            partitions: [],
            filesUsed: 80,
            filesTotal: 100
        )
        return ManagementFindings.all(
            ManagementFacts(
                overview: .init(version: "4.3.6", erlang: "27"),
                nodes: [node ?? healthy],
                flags: flags,
                clockAhead: clockAhead
            )
        ).map { "\($0.state.rawValue) \($0.check): \($0.text)" }
    }

    @Test("Nodes")
    func nodes() {
        #expect(
            self.management() == [
                "ok nodes: 1 node of RabbitMQ 4.3.6 on Erlang 27, no alarm",
                "ok clock: differs from the broker's by less than 5 s",
            ]
        )
        func node(
            running: Bool = true,
            memory: Bool = false,
            disk: Bool = false,
            partitions: [String] = [],
            files: Int = 0
        ) -> String {
            self.management(
                .init(
                    name: "n",
                    running: running,
                    memoryAlarm: memory,
                    diskAlarm: disk,
                    partitions: partitions,
                    filesUsed: files,
                    filesTotal: 100
                )
            )[0]
        }
        #expect(node(running: false) == "problem nodes: n does not run")
        #expect(node(memory: true) == "problem alarms: memory of n is full, so that nobody can publish")
        #expect(node(disk: true) == "problem alarms: disk of n is full, so that nobody can publish")
        #expect(node(partitions: ["m"]) == "problem nodes: n is cut off from m")
        #expect(node(files: 81) == "warning limits: n uses 81 of 100 file descriptors")
    }

    @Test(
        "Clocks",
        arguments: [
            (5.0, "ok clock: differs from the broker's by less than 5 s"),
            (6, "warning clock: the broker's is 6 s ahead of this machine's"),
            (-90, "problem clock: the broker's is 90 s behind this machine's"),
        ]
    )
    func clocks(_ ahead: Double, _ text: String) {
        #expect(self.management(clockAhead: ahead).last == text)
        #expect(self.management(clockAhead: nil).last == "unknown clock: the management did not tell the broker's time")
    }

    @Test("Feature flags that the next version needs")
    func flags() {
        let flags = [
            ManagementFacts.Flag(name: "b", state: "disabled", stability: "stable"),
            ManagementFacts.Flag(name: "a", state: "disabled", stability: "stable"),
            ManagementFacts.Flag(name: "c", state: "enabled", stability: "stable"),
            ManagementFacts.Flag(name: "d", state: "disabled", stability: "experimental"),
        ]
        #expect(self.management(flags: flags)[1] == "warning feature-flags: not enabled: a, b")
    }

    @Test("The date of an HTTP answer")
    func date() {
        // The example of RFC 9110 §5.6.7.
        #expect(HTTPDate("Sun, 06 Nov 1994 08:49:37 GMT")?.date.timeIntervalSince1970 == 784_111_777)
        #expect(HTTPDate("Sunday, 06-Nov-94 08:49:37 GMT") == nil)
        #expect(HTTPDate("") == nil)
    }
}
