// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// An exchange as the code wants it, or as a broker has it.
package struct TopologyExchange: Hashable, Sendable {
    package var name: String
    /// The kind, such as `topic`, `headers` or `fanout`.
    package var type: String
    package var isDurable = true
    package var isAutoDelete = false
    /// Nobody can publish to it.
    package var isInternal = false
    package var arguments: [String: HeaderValue] = [:]
    /// How the broker refuses what the code wants, if it differs in something that this text does not tell.
    package var refusal: String?
    /// What policies of the broker set.
    package var policy: [String: HeaderValue] = [:]

    package init(_ name: String, type: String, arguments: [String: HeaderValue] = [:]) {
        self.name = name
        self.type = type
        self.arguments = arguments
    }
}
