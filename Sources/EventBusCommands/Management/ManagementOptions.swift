// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBusRabbit

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Where RabbitMQ's management is, if it is used.
public struct ManagementOptions: ParsableArguments, Sendable {
    /// The URL of the management.
    @Option(
        name: .customLong("management-url"),
        help: ArgumentHelp(
            "Where RabbitMQ's management is, for what AMQP does not tell.",
            discussion: """
                For example https://broker:15671. By default the value of RABBITMQ_MANAGEMENT_URL; without either the command \
                asks by AMQP alone. User and password are those of the broker's URL unless this one has its own.
                """,
            valueName: "url"
        )
    )
    public var url: String?

    /// Creates the options.
    public init() {}

    /// A client of the management; `nil` if there is no URL.
    ///
    /// Warns if the password is not encrypted on its way.
    ///
    /// - Throws: ``CommandError`` or `BusError` with code `invalidConfiguration`; neither contains a URL.
    func client(of rabbit: RabbitOptions, _ console: Console) throws -> ManagementClient? {
        let client = try self.client(of: try rabbit.configuration())
        if let address = client?.address, !address.isEncrypted, !address.isLocal {
            console.tell("warning: the password goes to \(address.description) in plain text: use https")
        }
        return client
    }

    /// A client of the management; `nil` if there is no URL.
    ///
    /// - Throws: ``CommandError``, which does not contain the URL.
    func client(
        of rabbit: RabbitConfiguration,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> ManagementClient? {
        guard let text = self.url ?? environment["RABBITMQ_MANAGEMENT_URL"], !text.isEmpty else { return nil }
        let address = try ManagementAddress(text)
        guard let (user, password) = address.login ?? rabbit.userAndPassword else {
            throw CommandError(
                CommandExit.usage,
                "the URL of the management has no user, and that of the broker logs in with a certificate: add user and password"
            )
        }
        return ManagementClient(
            address: address,
            authorization: "Basic \(Data("\(user):\(password)".utf8).base64EncodedString())",
            tls: address.isEncrypted ? try rabbit.managementTLS() : nil,
            virtualHost: rabbit.virtualHost
        )
    }
}
