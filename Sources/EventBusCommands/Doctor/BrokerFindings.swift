// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusRabbit

/// Judges what a connection has shown.
enum BrokerFindings {
    /// The oldest that all tests run on, and the newest.
    private static let (oldest, newest) = ((3, 10), (4, 3))

    static func all(_ examination: BrokerExamination, isEncrypted: Bool, isLocal: Bool) -> [DoctorFinding] {
        [
            self.connection(examination, isEncrypted: isEncrypted, isLocal: isLocal),
            self.version(examination.version),
        ] + self.limits(examination) + examination.rights.map(self.right)
    }

    private static func connection(_ examination: BrokerExamination, isEncrypted: Bool, isLocal: Bool) -> DoctorFinding
    {
        let text =
            "\(examination.host), logged in after \(self.milliseconds(examination.connecting)), "
            + "an answer takes \(self.milliseconds(examination.roundTrip))"
        guard isEncrypted || isLocal else {
            return DoctorFinding(
                "connect",
                .warning,
                "\(text), in plain text",
                "password and events can be read on the way: use amqps:// and port 5671"
            )
        }
        guard examination.roundTrip < .milliseconds(50) else {
            return DoctorFinding(
                "connect",
                .warning,
                text,
                "each confirm takes as long: publish several events at a time, and run the service near the broker"
            )
        }
        return DoctorFinding("connect", .ok, "\(text)\(isEncrypted ? ", encrypted" : "")")
    }

    private static func version(_ version: (major: Int, minor: Int)?) -> DoctorFinding {
        guard let version else { return DoctorFinding("version", .unknown, "the broker did not tell it") }
        let text = "RabbitMQ \(version.major).\(version.minor)"
        if version < self.oldest {
            return DoctorFinding(
                "version",
                .problem,
                text,
                "quorum queues have what this package needs from 3.10 on: upgrade"
            )
        }
        guard version <= self.newest else {
            return DoctorFinding(
                "version",
                .warning,
                text,
                "this package was tested up to 4.3: try it before production"
            )
        }
        return DoctorFinding("version", .ok, text)
    }

    private static func limits(_ examination: BrokerExamination) -> [DoctorFinding] {
        var findings: [DoctorFinding] = []
        if examination.channels != 0, examination.channels < 16 {
            findings.append(
                DoctorFinding(
                    "limits",
                    .problem,
                    "\(examination.channels) channels for each connection",
                    "set channel_max of the broker to 16 or more"
                )
            )
        }
        if examination.heartbeat == 0 {
            findings.append(
                DoctorFinding(
                    "limits",
                    .warning,
                    "no heartbeats",
                    "a broker that is frozen or cut off is not noticed: set heartbeat of the broker to more than 0"
                )
            )
        }
        let text =
            "frames of \(examination.frameBytes) bytes, \(examination.channels) channels, "
            + "heartbeats of \(examination.heartbeat) s"
        return findings.isEmpty ? [DoctorFinding("limits", .ok, text)] : findings
    }

    private static func right(_ right: BrokerExamination.Right) -> DoctorFinding {
        let check = right.what.hasPrefix("consume") ? "consume" : "publish"
        switch right.answer {
        case .granted: return DoctorFinding(check, .ok, "may \(right.what)")
        case .unknown(let reason): return DoctorFinding(check, .unknown, "\(right.what): \(reason)")
        case .missing(let text):
            return DoctorFinding(check, .problem, "\(right.what): \(text)", "`topology apply` declares it")
        case .refused(let text):
            return DoctorFinding(
                check,
                .problem,
                "\(right.what): \(text)",
                "`rabbitmqctl set_permissions`, with the least rights of docs/wire-contract.md"
            )
        }
    }

    static func milliseconds(_ duration: Duration) -> String {
        let tenths = Int((duration / .milliseconds(1) * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) ms"
    }
}
