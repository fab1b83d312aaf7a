// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusRabbit

/// Shows a plan.
enum TopologyReport {
    private static let headings: [(Drift.Remedy, String)] = [
        (.refused, "refused: a person has to decide"),
        (.move, "move: queues have to be made anew, with what they hold"),
        (.safe, "safe: `topology apply` adds it"),
        (.note, "notes: nothing has to be done"),
    ]

    /// - Parameter added: what has just been added.
    static func text(_ plan: TopologyPlan, added: [Drift]? = nil) -> String {
        var lines: [String] = []
        for drift in added ?? [] { lines.append("added \(drift.object)") }
        let count = plan.drifts.count - plan.drifts(.note).count
        let number = count == 0 ? "no differences" : "\(count) difference\(count == 1 ? "" : "s")"
        if !plan.isComplete {
            lines.append("\(number) in what could be compared; the rest is at the end")
        } else {
            lines.append(count == 0 ? "\(number): the broker has what the code wants" : number)
        }
        for (remedy, heading) in self.headings {
            let drifts = plan.drifts(remedy)
            guard !drifts.isEmpty else { continue }
            lines += ["", heading]
            for drift in drifts {
                lines.append("  \(drift.object.printable)  (\(drift.kind.rawValue))")
                lines.append("    wanted \(drift.wanted.printable), found \(drift.found.printable)")
                lines.append("    \(drift.advice.printable)")
            }
        }
        if !plan.isComplete { lines += ["", "not compared"] + plan.unknown.map { "  \($0.printable)" } }
        return lines.joined(separator: "\n")
    }

    static func json(_ plan: TopologyPlan, added: [Drift]? = nil) -> JSONValue {
        var values: [String: JSONValue] = [
            "inStep": .bool(plan.isInStep),
            "complete": .bool(plan.isComplete),
            "drifts": .array(plan.drifts.map(self.json)),
            "unknown": .array(plan.unknown.map { .string($0) }),
        ]
        if let added { values["added"] = .array(added.map { .string($0.object) }) }
        return .object(values)
    }

    private static func json(_ drift: Drift) -> JSONValue {
        .object([
            "kind": .string(drift.kind.rawValue),
            "remedy": .string(drift.remedy.rawValue),
            "subscription": .string(drift.subscription?.description),
            "object": .string(drift.object),
            "wanted": .string(drift.wanted),
            "found": .string(drift.found),
            "advice": .string(drift.advice),
        ])
    }
}
