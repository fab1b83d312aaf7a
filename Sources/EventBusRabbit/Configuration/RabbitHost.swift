// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension RabbitConfiguration {
    /// A broker, or one node of a cluster.
    public struct Host: Sendable, Hashable, CustomStringConvertible {
        /// A host name or an IP address.
        public let name: String
        /// The TCP port.
        public let port: Int

        /// Name and port, with an IPv6 address in brackets.
        public var description: String {
            self.name.contains(":") ? "[\(self.name)]:\(self.port)" : "\(self.name):\(self.port)"
        }
    }
}
