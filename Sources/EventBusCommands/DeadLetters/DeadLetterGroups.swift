// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus
import EventBusRabbit

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Dead letters counted by reason or topic.
struct DeadLetterGroups {
    enum Key: String, CaseIterable, Sendable, ExpressibleByArgument {
        case reason
        case topic
    }

    private struct Group {
        var count = 0
        var oldest: Date
        var newest: Date
    }

    private let key: Key
    private var groups: [String: Group] = [:]

    init(by key: Key) { self.key = key }

    mutating func add(_ letter: DeadLetter) {
        let name = self.key == .reason ? letter.reason : letter.message.topic.name
        var group = self.groups[name] ?? Group(oldest: letter.deadAt, newest: letter.deadAt)
        group.count += 1
        group.oldest = min(group.oldest, letter.deadAt)
        group.newest = max(group.newest, letter.deadAt)
        self.groups[name] = group
    }

    /// The largest group first.
    private var sorted: [(name: String, group: Group)] {
        self.groups.map { ($0.key, $0.value) }.sorted { ($1.group.count, $0.name) < ($0.group.count, $1.name) }
    }

    var table: Table {
        var table = Table("COUNT", "OLDEST", "NEWEST", self.key.rawValue.uppercased())
        for (name, group) in self.sorted {
            table.add(
                "\(group.count)",
                EventCoding.text(of: group.oldest),
                EventCoding.text(of: group.newest),
                name.shortened(to: 120)
            )
        }
        return table
    }

    /// - Parameter gap: why some may be missing.
    func json(of subscription: SubscriptionName, _ gap: DeadLetterGap?) -> JSONValue {
        .object([
            "complete": .bool(gap == nil),
            "reason": .string(gap?.name),
            "subscription": .string(subscription.description),
            "groupBy": .string(self.key.rawValue),
            "total": .int(self.groups.values.reduce(0) { $0 + $1.count }),
            "groups": .array(
                self.sorted.map { name, group in
                    .object([
                        self.key.rawValue: .string(name),
                        "count": .int(group.count),
                        "oldest": .time(group.oldest),
                        "newest": .time(group.newest),
                    ])
                }
            ),
        ])
    }
}
