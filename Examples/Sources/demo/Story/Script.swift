// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// How steps are shown to a person.
struct Script: Sendable {
    /// Whether the output is a terminal that shows bold and faint text.
    let isStyled: Bool

    /// One step, in one line or two.
    func line(for step: JourneyStep, after time: Duration) -> String {
        let (title, text, detail) = self.words(for: step)
        let isFirst = if case .requested = step { true } else { false }
        let head =
            (isFirst ? "\n" : "") + "\(Script.milliseconds(time))  \(self.bold(Script.pad(title, to: 9)))  \(text)"
        guard let detail else { return head }
        return head + "\n" + String(repeating: " ", count: 25) + self.faint(detail)
    }

    private func words(for step: JourneyStep) -> (title: String, text: String, detail: String?) {
        switch step {
        case .requested(let username, let email):
            ("request", "POST /api/users/register/: \(username), \(email), password ••••••••", nil)
        case .validated: ("validated", "every field keeps its rules, name and address are free", nil)
        case .hashed(let parameters): ("hashed", "the password, with \(parameters)", nil)
        case .committed(let store, let writes):
            ("committed", "in one transaction of \(store): " + writes.map(Script.words).joined(separator: " + "), nil)
        case .answered(let status): ("answered", status, nil)
        case .published(let topic, let body): ("published", "the relay hands \(topic) to the bus", body)
        case .acknowledged(let topic, .confirmed):
            ("confirmed", "the bus is responsible for \(topic), the outbox row goes", nil)
        case .acknowledged(let topic, .unroutable):
            ("waits", "nobody subscribes to \(topic) yet, the outbox row stays", nil)
        case .acknowledged(let topic, .failed(let reason)):
            ("waits", "the bus did not take \(topic): \(reason)", nil)
        case .received(let topic, let subscription): ("received", "\(subscription) gets \(topic)", nil)
        }
    }

    private static func words(for write: JourneyStep.Write) -> String {
        switch write {
        case .row(let table): "row in \(table)"
        case .outbox(let topic): "outbox row \(topic)"
        case .inbox: "inbox row"
        }
    }

    func bold(_ text: String) -> String { self.isStyled ? "\u{1B}[1m\(text)\u{1B}[0m" : text }

    func faint(_ text: String) -> String { self.isStyled ? "\u{1B}[2m\(text)\u{1B}[0m" : text }

    private static func pad(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// `  12.3 ms`.
    private static func milliseconds(_ time: Duration) -> String {
        let tenths = Int(time / .microseconds(100))
        let text = "\(tenths / 10).\(tenths % 10) ms"
        return String(repeating: " ", count: max(0, 12 - text.count)) + text
    }
}
