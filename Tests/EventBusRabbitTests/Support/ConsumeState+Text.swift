// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

@testable import EventBusRabbit

extension ConsumeState.Action {
    /// What to do, in words.
    var text: String {
        switch self {
        case .none: "none"
        case .handOut(let messages): "hand out " + messages.map { "\($0.tag)" }.joined(separator: " ")
        case .fetch: "fetch"
        }
    }
}
