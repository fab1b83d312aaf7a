// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What a check of `eventbus doctor` has found.
struct DoctorFinding: Hashable, Sendable {
    enum State: String, Hashable, Sendable {
        case ok
        /// It could not be found out.
        case unknown
        /// It works, and may not tomorrow.
        case warning
        case problem
    }

    /// Such as `connect`; the names do not change between releases.
    let check: String
    let state: State
    let text: String
    /// What to do.
    let advice: String?

    init(_ check: String, _ state: State, _ text: String, _ advice: String? = nil) {
        self.check = check
        self.state = state
        self.text = text
        self.advice = advice
    }

    var json: JSONValue {
        .object([
            "check": .string(self.check), "state": .string(self.state.rawValue), "text": .string(self.text),
            "advice": .string(self.advice),
        ])
    }
}
