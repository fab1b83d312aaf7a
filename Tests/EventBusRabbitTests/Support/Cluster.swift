// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Foundation
import TestProxy
import Testing

@testable import EventBusRabbit

/// The three nodes of the integration tests, numbered from 1, each behind a proxy.
struct Cluster: Sendable {
    static let url = ProcessInfo.processInfo.environment["RABBITMQ_CLUSTER_URL"]
    private static let script = ProcessInfo.processInfo.environment["INFRA"]
    static let isAvailable = url != nil && script != nil
    /// Whether what takes minutes is to run as well.
    static let isSoak = isAvailable && ProcessInfo.processInfo.environment["RABBITMQ_SOAK"] != nil

    private let proxies: [TCPProxy]
    let configuration: RabbitConfiguration

    /// Runs `body` with a proxy before each node; at first clients get to one of them only, so that this is also the node where their
    /// queues are led.
    static func with(
        clientsOn first: Int,
        _ body: (Cluster) async throws -> Void
    ) async throws {
        let nodes = try RabbitConfiguration(url: try #require(Cluster.url)).hosts
        let proxies = try nodes.map { try TCPProxy(to: $0.port, .amqp) }
        defer { for proxy in proxies { proxy.stop() } }
        for (index, proxy) in proxies.enumerated() where index + 1 != first { proxy.welcome = .reset }
        let hosts = proxies.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        let url = try #require(Cluster.url).replacing(/@[^\/]*/, with: "@\(hosts)")
        let configuration = try Broker.configuration(url: "\(url)?connection_timeout=5000")
        try await body(Cluster(proxies: proxies, configuration: configuration))
    }

    /// Lets clients get to all nodes.
    func open() { for proxy in self.proxies { proxy.welcome = .forward } }

    /// Runs scripts/infra.
    static func infra(_ arguments: String) async throws {
        let status = try await Broker.shell("'\(try #require(Cluster.script))' \(arguments)")
        guard status == 0 else { throw NodeFailure(description: "infra \(arguments) ended with \(status)") }
    }

    private struct NodeFailure: Error, CustomStringConvertible {
        let description: String
    }
}

/// Starts the cluster for the length of a suite.
struct ClusterTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await Cluster.infra("start cluster")
        let result = await Result { try await function() }
        try await Cluster.infra("stop cluster")
        try result.get()
    }
}

extension Trait where Self == ClusterTrait {
    /// Needs a cluster, which is started for the suite.
    static var cluster: Self { Self() }
}
