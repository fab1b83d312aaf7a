// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusRabbit
import Foundation
import Testing

@testable import EventBusCommands

@Suite("What RabbitMQ's management lists")
struct ManagementTopologyTests {
    private func decode<Value: Decodable>(_ text: String, as type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(text.utf8))
    }

    private func topology(queues: String, measured: String = "[]", policies: String = "[]") throws -> BrokerTopology {
        BrokerTopology(
            queues: try self.decode(queues),
            measured: try self.decode(measured),
            exchanges: try self.decode(
                """
                [{"arguments":{"alternate-exchange":"b"},"auto_delete":true,"durable":false,"internal":true,"name":"a",
                  "policy":"p","type":"topic","user_who_performed_action":"me","vhost":"/"}]
                """
            ),
            bindings: try self.decode(
                """
                [{"source":"","vhost":"/","destination":"q","destination_type":"queue","routing_key":"q","arguments":{}},
                 {"source":"a","vhost":"/","destination":"b","destination_type":"exchange","routing_key":"x.#",
                  "arguments":{"x-match":"all-with-x","n":1,"f":1.5,"t":true}}]
                """
            ),
            policies: try self.decode(policies),
            nodes: 3,
            unknown: []
        )
    }

    @Test("Queues of RabbitMQ 3.10 and 4.3, with their policies")
    func queues() throws {
        let broker = try self.topology(
            queues: """
                [{"arguments":{"x-queue-type":"quorum","x-delivery-limit":1000000,"x-single-active-consumer":true},
                  "auto_delete":false,"durable":true,"exclusive":null,"leader":"n1","members":["n1","n2"],"messages":7,
                  "name":"q","online":["n1"],"policy":"p","state":"running","type":"quorum","vhost":"/"},
                 {"arguments":{},"auto_delete":true,"durable":false,"exclusive":true,"name":"c","state":"live",
                  "type":"classic","effective_policy_definition":[],"vhost":"/"}]
                """,
            measured: """
                [{"name":"q","consumers":2,"messages":5,"effective_policy_definition":{"max-length":7,"message-ttl":4}},
                 {"name":"gone","consumers":2}]
                """,
            policies:
                #"[{"name":"p","vhost":"/","pattern":".*","definition":{"message-ttl":5,"alternate-exchange":"x"}}]"#
        )
        let quorum = try #require(broker.queues["q"])
        #expect(quorum.type == "quorum")
        #expect(quorum.arguments == ["x-delivery-limit": 1_000_000, "x-single-active-consumer": true])
        #expect((quorum.messages, quorum.consumers) == (7, 2))
        #expect(quorum.members == ["n1", "n2"])
        #expect(quorum.online == ["n1"])
        // That of operators has precedence over the named one, which is newer.
        #expect(quorum.policy == ["message-ttl": 4, "max-length": 7, "alternate-exchange": "x"])
        let classic = try #require(broker.queues["c"])
        #expect((classic.isDurable, classic.isAutoDelete, classic.isExclusive) == (false, true, true))
        #expect(classic.policy == [:])
        #expect(broker.queues["gone"] == nil)
        #expect(broker.isComplete)
    }

    @Test("Exchanges and bindings")
    func others() throws {
        let broker = try self.topology(
            queues: "[]",
            policies: #"[{"name":"p","definition":{"alternate-exchange":"x"}}]"#
        )
        var exchange = TopologyExchange("a", type: "topic", arguments: ["alternate-exchange": "b"])
        (exchange.isDurable, exchange.isAutoDelete, exchange.isInternal) = (false, true, true)
        exchange.policy = ["alternate-exchange": "x"]
        #expect(broker.exchanges == ["a": exchange])
        let arguments: [String: HeaderValue] = ["x-match": "all-with-x", "n": 1, "f": .double(1.5), "t": true]
        #expect(
            broker.bindings == [
                TopologyBinding(from: "", to: "q", key: "q"),
                TopologyBinding(from: "a", to: "b", isToExchange: true, key: "x.#", arguments: arguments),
            ]
        )
    }
}
