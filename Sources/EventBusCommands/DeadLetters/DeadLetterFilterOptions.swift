// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The options that say which dead letters are meant.
struct DeadLetterFilterOptions: ParsableArguments, Sendable {
    @Option(help: ArgumentHelp("Only those whose reason contains this text.", valueName: "text"))
    var reason: String?

    @Option(
        name: .customLong("topic"),
        help: ArgumentHelp("Only those whose topic matches this pattern; can be repeated.", valueName: "pattern"),
        transform: { try TopicPattern($0) }
    )
    var topics: [TopicPattern] = []

    @Option(name: .customLong("id"), help: "Only the one with this id; can be repeated.")
    var ids: [String] = []

    @Option(
        help: ArgumentHelp("Only those that have been dead for longer, such as 90s, 30m, 12h or 7d.", valueName: "age")
    )
    var olderThan: Age?

    @Option(help: ArgumentHelp("Only those that have been dead for no longer.", valueName: "age"))
    var youngerThan: Age?

    var isEmpty: Bool {
        self.reason == nil && self.topics.isEmpty && self.ids.isEmpty && self.olderThan == nil
            && self.youngerThan == nil
    }

    func validate() throws {
        // As of a variable that is not set: every reason would match.
        if self.reason?.isEmpty == true {
            throw ValidationError("--reason is empty: it has to be a part of the reason")
        }
    }

    func filter(now: Date) -> DeadLetterFilter {
        DeadLetterFilter(
            reason: self.reason,
            topics: self.topics,
            ids: Set(self.ids),
            deadBefore: self.olderThan.map { now - $0.duration / .seconds(1) },
            deadAfter: self.youngerThan.map { now - $0.duration / .seconds(1) }
        )
    }
}
