// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus

/// Whether a service can do its work, put together from the health of its parts.
public struct Readiness: Sendable {
    /// Reports how one part is doing.
    public typealias Part = @Sendable () async -> Health

    private let required: [Part]
    private let others: [Part]

    /// Creates a readiness.
    ///
    /// - Parameters:
    ///   - required: the parts without which the service cannot do its work.
    ///   - others: the parts whose problems only delay something.
    public init(requires required: [Part], notes others: [Part] = []) {
        self.required = required
        self.others = others
    }

    /// The problems of the parts that are required; what is wrong elsewhere as notes.
    public var health: Health {
        get async {
            var health = Health()
            for part in self.required {
                let part = await part()
                health.problems += part.problems
                health.notes += part.notes
            }
            for part in self.others {
                let part = await part()
                health.notes += part.problems + part.notes
            }
            return health
        }
    }
}
