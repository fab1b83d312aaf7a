// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// The arguments of something, or the definition of a policy, as RabbitMQ's management writes them.
struct ManagementTable: Decodable, Sendable {
    let values: [String: HeaderValue]

    init(from decoder: any Decoder) throws {
        // An empty table can be written as an empty list, since Erlang has one value for both.
        guard let container = try? decoder.singleValueContainer(),
            let values = try? container.decode([String: ManagementValue].self)
        else {
            self.values = [:]
            return
        }
        self.values = values.mapValues(\.value)
    }
}

/// A value of JSON as that of an AMQP table.
private struct ManagementValue: Decodable {
    let value: HeaderValue

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self.value = .null
        } else if let flag = try? container.decode(Bool.self) {
            self.value = .bool(flag)
        } else if let number = try? container.decode(Int64.self) {
            self.value = .int(number)
        } else if let number = try? container.decode(Double.self) {
            self.value = .double(number)
        } else if let text = try? container.decode(String.self) {
            self.value = .string(text)
        } else if let values = try? container.decode([ManagementValue].self) {
            self.value = .array(values.map(\.value))
        } else {
            self.value = .table(try container.decode([String: ManagementValue].self).mapValues(\.value))
        }
    }
}
