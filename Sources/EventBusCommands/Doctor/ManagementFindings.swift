// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Judges what RabbitMQ's management says.
enum ManagementFindings {
    static func all(_ facts: ManagementFacts) -> [DoctorFinding] {
        var findings = facts.nodes.flatMap(self.node)
        if findings.isEmpty {
            let count = facts.nodes.count
            let text = "\(count) node\(count == 1 ? "" : "s") of RabbitMQ \(facts.overview.version ?? "?")"
            findings.append(
                DoctorFinding("nodes", .ok, "\(text) on Erlang \(facts.overview.erlang ?? "?"), no alarm")
            )
        }
        let missing = facts.flags.filter { $0.state == "disabled" && $0.stability == "stable" }.map(\.name).sorted()
        if !missing.isEmpty {
            findings.append(
                DoctorFinding(
                    "feature-flags",
                    .warning,
                    "not enabled: \(missing.joined(separator: ", "))",
                    "the next upgrade of the broker may need them: `rabbitmqctl enable_feature_flag all`"
                )
            )
        }
        return findings + [self.clock(facts.clockAhead)]
    }

    private static func node(_ node: ManagementFacts.Node) -> [DoctorFinding] {
        guard node.running else {
            return [
                DoctorFinding(
                    "nodes",
                    .problem,
                    "\(node.name) does not run",
                    "start it; queues need a majority of nodes"
                )
            ]
        }
        var findings: [DoctorFinding] = []
        if node.memoryAlarm == true {
            findings.append(
                DoctorFinding(
                    "alarms",
                    .problem,
                    "memory of \(node.name) is full, so that nobody can publish",
                    "find the queue that grows with `subscriptions list`, or give the node more memory"
                )
            )
        }
        if node.diskAlarm == true {
            findings.append(
                DoctorFinding(
                    "alarms",
                    .problem,
                    "disk of \(node.name) is full, so that nobody can publish",
                    "find the queue that grows with `subscriptions list`, or give the node more disk"
                )
            )
        }
        if let partitions = node.partitions, !partitions.isEmpty {
            findings.append(
                DoctorFinding(
                    "nodes",
                    .problem,
                    "\(node.name) is cut off from \(partitions.sorted().joined(separator: ", "))",
                    "repair the network, then restart the smaller part"
                )
            )
        }
        if let used = node.filesUsed, let total = node.filesTotal, total > 0, used * 5 > total * 4 {
            findings.append(
                DoctorFinding(
                    "limits",
                    .warning,
                    "\(node.name) uses \(used) of \(total) file descriptors",
                    "raise the limit of open files of the broker; it refuses connections when there are none left"
                )
            )
        }
        return findings
    }

    private static func clock(_ ahead: Double?) -> DoctorFinding {
        guard let ahead else {
            return DoctorFinding("clock", .unknown, "the management did not tell the broker's time")
        }
        let seconds = Int(ahead.magnitude.rounded())
        // The header has whole seconds, and the answer takes some time.
        guard ahead.magnitude > 5 else {
            return DoctorFinding("clock", .ok, "differs from the broker's by less than 5 s")
        }
        return DoctorFinding(
            "clock",
            seconds > 60 ? .problem : .warning,
            "the broker's is \(seconds) s \(ahead > 0 ? "ahead of" : "behind") this machine's",
            "times of events and of dead letters are wrong, and certificates may seem expired: synchronize both (NTP)"
        )
    }
}
