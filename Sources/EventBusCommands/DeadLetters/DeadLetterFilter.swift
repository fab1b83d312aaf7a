// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Which dead letters are meant: those that match everything that is given.
struct DeadLetterFilter: Sendable {
    var reason: String?
    var topics: [TopicPattern] = []
    var ids: Set<String> = []
    var deadBefore: Date?
    var deadAfter: Date?

    func matches(_ letter: DeadLetter) -> Bool {
        if let reason, !letter.reason.contains(reason) { return false }
        if !self.topics.isEmpty, !self.topics.contains(where: { $0.matches(letter.message.topic) }) { return false }
        if !self.ids.isEmpty, !self.ids.contains(letter.message.id) { return false }
        // 1970 stands for a time that is not known, which is of no age.
        let isDated = letter.deadAt.timeIntervalSince1970 > 0
        if let deadBefore, !isDated || letter.deadAt > deadBefore { return false }
        if let deadAfter, !isDated || letter.deadAt < deadAfter { return false }
        return true
    }
}
