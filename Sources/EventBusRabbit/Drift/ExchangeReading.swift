// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What refusals of declarations tell of an exchange that exists: a pure state machine.
struct ExchangeReading {
    private var found: TopologyExchange
    private var refusals = 0

    /// - Parameter wanted: what the code wants.
    init(_ wanted: TopologyExchange) { self.found = wanted }

    /// What to declare next.
    var declaration: ClientMethod {
        .exchangeDeclare(
            name: self.found.name,
            type: self.found.type,
            arguments: self.found.arguments.map { ($0.key, $0.value) }
        )
    }

    /// Takes the answer to the declaration.
    ///
    /// - Parameter refusal: `nil` if the broker agrees.
    /// - Returns: `nil` if something else has to be declared.
    mutating func answered(_ refusal: ConnectionFailure?) -> ReadingAnswer<TopologyExchange>? {
        guard let refusal else { return .found(self.found) }
        guard refusal.code == .channelClosed(406) else {
            return .unknown("arguments of exchange \(self.found.name): \(refusal.text)")
        }
        self.refusals += 1
        guard self.refusals <= QueueReading.maximumRefusals,
            let difference = InequivalentArgument(refusal.text, sent: self.found.arguments)
        else {
            self.found.refusal = refusal.text
            return .found(self.found)
        }
        switch difference.name {
        case "durable": self.found.isDurable = false
        case "auto_delete": self.found.isAutoDelete = true
        case "internal": self.found.isInternal = true
        case "type":
            self.found.type = difference.current?.string ?? ""
            return nil
        default:
            self.found.arguments[difference.name] = difference.current
            return nil
        }
        // This client declares nothing else.
        return .found(self.found)
    }
}
