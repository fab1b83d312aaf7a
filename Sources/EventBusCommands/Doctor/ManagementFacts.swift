// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What RabbitMQ's management says about the state of the broker.
struct ManagementFacts: Sendable {
    struct Node: Decodable, Sendable {
        let name: String
        let running: Bool
        let memoryAlarm: Bool?
        let diskAlarm: Bool?
        let partitions: [String]?
        let filesUsed: Int?
        let filesTotal: Int?

        private enum CodingKeys: String, CodingKey {
            case name, running, partitions
            case memoryAlarm = "mem_alarm"
            case diskAlarm = "disk_free_alarm"
            case filesUsed = "fd_used"
            case filesTotal = "fd_total"
        }
    }

    struct Overview: Decodable, Sendable {
        let version: String?
        let erlang: String?

        private enum CodingKeys: String, CodingKey {
            case version = "rabbitmq_version"
            case erlang = "erlang_version"
        }
    }

    struct Flag: Decodable, Sendable {
        let name: String
        let state: String
        let stability: String?
    }

    var overview: Overview
    var nodes: [Node]
    var flags: [Flag]
    /// The broker's clock less that of this machine, in seconds; `nil` if it is not known.
    var clockAhead: Double?
}
