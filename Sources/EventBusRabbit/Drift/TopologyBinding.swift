// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

/// What leads messages from an exchange to a queue, or to another exchange.
package struct TopologyBinding: Hashable, Sendable {
    package var source: String
    package var destination: String
    package var isToExchange = false
    package var key: String
    package var arguments: [String: HeaderValue] = [:]

    package init(
        from source: String,
        to destination: String,
        isToExchange: Bool = false,
        key: String,
        arguments: [String: HeaderValue] = [:]
    ) {
        self.source = source
        self.destination = destination
        self.isToExchange = isToExchange
        self.key = key
        self.arguments = arguments
    }

    /// Where it begins, where it ends and what it lets through, without its arguments.
    var path: [String] { [self.source, self.destination, self.isToExchange ? "exchange" : "queue", self.key] }
}
