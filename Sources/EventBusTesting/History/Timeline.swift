// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

extension History {
    /// The history as text, one line per record; messages appear by topic and number rather than by identity.
    ///
    /// - Parameter events: the messages to include; `nil` for all. Records without a message are always included.
    public func timeline(of events: Set<EventIdentity>? = nil) -> String {
        let records = self.records
        let names = History.names(of: records)
        let width = min(32, records.map(\.place.count).max() ?? 0)
        var lines: [String] = []
        for record in records where events.map({ record.what.event.map($0.contains) ?? true }) ?? true {
            let time = History.seconds(record.time)
            let place = record.place.padding(to: width)
            lines.append("\(time)  \(place)  \(record.what.text(names))")
        }
        return lines.joined(separator: "\n")
    }

    private static func names(of records: [Record]) -> [EventIdentity: String] {
        var names: [EventIdentity: String] = [:]
        for record in records {
            guard case .committed(let id, let topic, _) = record.what, names[id] == nil else { continue }
            names[id] = "\(topic)#\(names.count + 1)"
        }
        return names
    }

    private static func seconds(_ time: Duration) -> String {
        let milliseconds = Int(time / .milliseconds(1))
        let fraction = String(1000 + milliseconds % 1000).dropFirst()
        let text = "\(milliseconds / 1000).\(fraction) s"
        return String(repeating: " ", count: max(0, 12 - text.count)) + text
    }
}

extension History.What {
    /// The subscription concerned.
    var subscription: SubscriptionName? {
        switch self {
        case .delivered(let name, _, _, _, _), .claimed(let name, _), .started(let name, _), .failed(let name, _),
            .unfinished(let name, _), .handled(let name, _), .settled(let name, _, _), .effect(let name, _),
            .givenBack(let name, _), .copied(let name, _), .deadLettered(let name, _, _, _), .stopped(let name):
            name
        case .broken(let violation): violation.subscription
        case .committed, .published, .note: nil
        }
    }

    /// The message concerned.
    var event: EventIdentity? {
        switch self {
        case .committed(let id, _, _), .published(let id, _), .delivered(_, let id, _, _, _), .claimed(_, let id),
            .started(_, let id), .failed(_, let id), .unfinished(_, let id), .handled(_, let id),
            .settled(_, let id, _), .effect(_, let id), .givenBack(_, let id), .copied(_, let id),
            .deadLettered(_, let id, _, _):
            id
        case .broken(let violation): violation.event
        case .stopped, .note: nil
        }
    }

    fileprivate func text(_ names: [EventIdentity: String]) -> String {
        let name = self.event.map { names[$0] ?? "\($0)" } ?? ""
        return switch self {
        case .committed(let id, _, let key): "commits \(name)\(key.map { " with key \($0)" } ?? ""), message \(id)"
        case .published: "publishes \(name)"
        case .delivered(let subscription, _, let failures, let returns, let redrives):
            "gets \(name) from \(subscription) (failures \(failures), returns \(returns), redrives \(redrives))"
        case .claimed(let consumer, _): "\(consumer) counts a start of \(name)"
        case .started(let consumer, _): "\(consumer) starts \(name)"
        case .failed(let consumer, _): "\(consumer) fails on \(name)"
        case .unfinished(let consumer, _): "\(consumer) has to start \(name) again"
        case .handled(let consumer, _): "\(consumer) commits the effect of \(name)"
        case .settled(let subscription, _, let verdict): "settles \(name) of \(subscription): \(verdict.text)"
        case .givenBack(let subscription, _): "gives \(name) back to \(subscription)"
        case .copied(let subscription, _): "leaves a copy of \(name) in \(subscription)"
        case .effect(let consumer, _): "holds an effect of \(name) by \(consumer)"
        case .deadLettered(let subscription, _, let reason, let attempts):
            "\(name) is a dead letter of \(subscription) after \(attempts) attempts: \(reason)"
        case .stopped(let consumer): "\(consumer) takes no more deliveries"
        case .broken(let violation): "\(violation)"
        case .note(let text): text
        }
    }
}

extension Verdict {
    fileprivate var text: String {
        switch self {
        case .done: "done"
        case .retry(let delay, let failures): "again after \(delay), failures \(failures.count)"
        case .deadLetter(let reason, _): "dead letter, \(reason)"
        }
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - self.count))
    }
}
