// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPostgres

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension OutboxReport {
    /// What somebody should look at.
    func problems(olderThan limit: Age?, now: Date) -> [String] {
        var problems: [String] = []
        if self.owner == nil, self.events > 0 {
            problems.append("no process publishes its \(self.events) events: start one with a relay")
        }
        if let limit, let oldest, now.timeIntervalSince(oldest) > limit.duration / .seconds(1) {
            problems.append("the oldest event has waited for \(Self.age(of: oldest, now: now))")
        }
        if self.waiting > 0 { problems.append("\(self.waiting) events are held back") }
        return problems
    }

    /// Tables for people.
    static func text(_ reports: [OutboxReport], now: Date) -> String {
        var outboxes = Table("OUTBOX", "EVENTS", "HELD BACK", "OLDEST", "OWNER", "LAST ACTIVE")
        var waits = Table("OUTBOX", "EVENTS", "OLDEST", "WHY", "KEYS")
        for report in reports {
            outboxes.add(
                report.schema,
                "\(report.events)",
                "\(report.waiting)",
                report.oldest.map { Self.age(of: $0, now: now) } ?? "-",
                report.owner?.text ?? "none",
                report.owner?.lastActive.map { Self.age(of: $0, now: now) } ?? "-"
            )
            for wait in report.waits {
                waits.add(
                    report.schema,
                    "\(wait.events)",
                    wait.oldest.map { Self.age(of: $0, now: now) } ?? "-",
                    wait.cause.text,
                    wait.keys.joined(separator: ", ").shortened(to: 60)
                )
            }
        }
        return outboxes.text + (reports.allSatisfy(\.waits.isEmpty) ? "" : "\n\n" + waits.text)
    }

    /// How long ago, in the two largest units.
    static func age(of time: Date, now: Date) -> String {
        let seconds = max(0, Int(now.timeIntervalSince(time)))
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min \(seconds % 60) s"
        case ..<86_400: return "\(seconds / 3600) h \(seconds / 60 % 60) min"
        default: return "\(seconds / 86_400) d \(seconds / 3600 % 24) h"
        }
    }

    func json(problems: [String]) -> JSONValue {
        .object([
            "schema": .string(self.schema),
            "events": .int(self.events),
            "heldBack": .int(self.waiting),
            "oldest": .time(self.oldest),
            "owner": self.owner?.json ?? .null,
            "waits": .array(
                self.waits.map { wait in
                    .object([
                        "events": .int(wait.events),
                        "oldest": .time(wait.oldest),
                        "cause": wait.cause.json,
                        "keys": .array(wait.keys.map(JSONValue.string)),
                    ])
                }
            ),
            "problems": .array(problems.map(JSONValue.string)),
        ])
    }
}

extension OutboxReport.Owner {
    fileprivate var text: String {
        let name = self.application.isEmpty ? "" : " \(self.application)"
        return "pid \(self.process)\(name)\(self.address.map { " at \($0)" } ?? "")"
    }

    fileprivate var json: JSONValue {
        .object([
            "pid": .int(self.process),
            "application": .string(self.application),
            "address": .string(self.address),
            "since": .time(self.since),
            "lastActive": .time(self.lastActive),
        ])
    }
}

extension OutboxReport.Wait.Cause {
    /// Why events wait, for a person.
    var text: String {
        switch self {
        case .subscriber(let topic): "no subscription matches \(topic)"
        case .row(let id): "the event in row \(id) was refused or waits"
        case .other(let text): text
        }
    }

    /// `kind` is `noSubscriber`, `row` or `other`.
    var json: JSONValue {
        switch self {
        case .subscriber(let topic): .object(["kind": .string("noSubscriber"), "topic": .string(topic)])
        case .row(let id): .object(["kind": .string("row"), "row": .int(id)])
        case .other(let text): .object(["kind": .string("other"), "text": .string(text)])
        }
    }
}
