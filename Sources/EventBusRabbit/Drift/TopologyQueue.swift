// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// A queue as the code wants it, or as a broker has it.
package struct TopologyQueue: Hashable, Sendable {
    package var name: String
    /// `quorum`, `classic` or `stream`.
    package var type: String
    package var isDurable = true
    package var isAutoDelete = false
    /// It belongs to one connection.
    package var isExclusive = false
    /// Without `x-queue-type`.
    package var arguments: [String: HeaderValue]
    /// How the broker refuses what the code wants, if it differs in something that this text does not tell.
    package var refusal: String?
    /// What policies of the broker set, as far as it is known.
    package var policy: [String: HeaderValue] = [:]
    /// How many messages wait in it; `nil` if that is not known.
    package var messages: Int?
    package var consumers: Int?
    /// The nodes that have a replica.
    package var members: [String] = []
    /// Those of ``members`` that run; `nil` if that is not known.
    package var online: [String]?

    /// - Parameter arguments: `x-queue-type` among them, unless it is a classic queue.
    package init(_ name: String, arguments: [String: HeaderValue]) {
        self.name = name
        self.type = arguments["x-queue-type"]?.string ?? "classic"
        self.arguments = arguments.filter { $0.key != "x-queue-type" }
    }
}
