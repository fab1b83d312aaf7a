// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusRabbit

/// A queue as `GET /api/queues/<virtual host>` lists it.
struct ListedQueue: Decodable, Sendable {
    let name: String
    let type: String?
    let durable: Bool?
    let autoDelete: Bool?
    let exclusive: Bool?
    let arguments: ManagementTable?
    let policy: String?
    let effectivePolicy: ManagementTable?
    let messages: Int?
    let consumers: Int?
    let members: [String]?
    let online: [String]?

    private enum CodingKeys: String, CodingKey {
        case name, type, durable, exclusive, arguments, policy, messages, consumers, members, online
        case autoDelete = "auto_delete"
        case effectivePolicy = "effective_policy_definition"
    }
}

/// An exchange as `GET /api/exchanges/<virtual host>` lists it.
struct ListedExchange: Decodable, Sendable {
    let name: String
    let type: String
    let durable: Bool
    let autoDelete: Bool
    let `internal`: Bool?
    let arguments: ManagementTable?
    let policy: String?

    private enum CodingKeys: String, CodingKey {
        case name, type, durable, `internal`, arguments, policy
        case autoDelete = "auto_delete"
    }
}

/// A binding as `GET /api/bindings/<virtual host>` lists it.
struct ListedBinding: Decodable, Sendable {
    let source: String
    let destination: String
    let destinationType: String
    let routingKey: String
    let arguments: ManagementTable?

    private enum CodingKeys: String, CodingKey {
        case source, destination, arguments
        case destinationType = "destination_type"
        case routingKey = "routing_key"
    }
}

/// A policy as `GET /api/policies/<virtual host>` lists it.
struct ListedPolicy: Decodable, Sendable {
    let name: String
    let definition: ManagementTable
}
