// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// The rules about what happens before what.
///
/// The records are those of the consumer.
extension HistoryChecker {
    /// Events of one key are completed in the order in which they were committed.
    func order(_ consumer: Consumer, _ records: [History.Record], _ commits: Commits) -> [Violation] {
        var last: [String: Int] = [:]
        var ended: Set<EventIdentity> = []
        var violations: [Violation] = []
        for record in records {
            let id: EventIdentity
            switch record.what {
            case .handled(_, let handled): id = handled
            case .settled(_, let dead, .deadLetter): id = dead
            default: continue
            }
            guard let place = commits.places[id], let key = commits.events[place].key else { continue }
            guard ended.insert(id).inserted else { continue }
            if let before = last[key], before > place {
                let other = commits.events[before].id
                let text = "of key \(key) came to its end after \(other), which was committed later"
                violations.append(Violation("order", consumer.name, id, text, other: other))
            }
            last[key] = max(last[key] ?? place, place)
        }
        return violations
    }

    /// After a shutdown has begun, a process begins to handle nothing but what its workers have taken already.
    func shutdowns(_ consumer: Consumer, _ records: [History.Record]) -> [Violation] {
        guard let workers = consumer.workers else { return [] }
        var begun: [String: Set<EventIdentity>] = [:]
        var late: [String: [EventIdentity]] = [:]
        for record in records {
            switch record.what {
            case .stopped: late[record.place] = late[record.place] ?? []
            case .started(_, let event):
                let isNew = begun[record.place, default: []].insert(event).inserted
                if isNew { late[record.place]?.append(event) }
            default: break
            }
        }
        return late.sorted { $0.key < $1.key }.filter { $0.value.count > workers }.map { place, events in
            let text =
                "was started by \(place) as number \(events.count) after its shutdown had begun, allowed are \(workers)"
            return Violation("shutdown", consumer.name, events.last, text)
        }
    }
}
