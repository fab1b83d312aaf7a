// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import ArgumentParser
import EventBus
import EventBusRabbit

/// `eventbus doctor`: what is wrong, and what to do.
public struct DoctorCommand: OperatorCommand {
    /// What `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Tells what is wrong with the broker and the way to it, and what to do.",
        discussion: """
            Connects, looks at version and limits, and tries the rights of the user: to publish, and with the subscriptions of the \
            code to consume them; with these it also tells whether the topology differs. With --management-url it looks at nodes, \
            alarms, feature flags and clocks as well. Nothing is changed, and no message is stored or taken.

            Exits with 1 if there is a problem; warnings do not count.
            """
    )

    @OptionGroup var options: TopologyOptions

    /// How to write results.
    @OptionGroup public var output: OutputOptions

    /// Creates the command.
    public init() {}

    /// Examines the broker.
    public func execute(_ console: Console) async throws {
        let configuration = try self.options.rabbit.configuration()
        let client = try self.options.client(console)
        let subscriptions = try self.options.file == nil ? CodeSubscriptions.all : self.options.subscriptions()
        let isLocal = configuration.hosts.allSatisfy {
            ["localhost", "127.0.0.1", "::1"].contains($0.name.lowercased())
        }
        var findings: [DoctorFinding] = []
        var failure: (any Error)?
        do {
            findings = try await self.options.rabbit.withBus(console) { bus in
                let examination = try await bus.examine(subscriptions.map(\.name))
                let known = BrokerFindings.all(examination, isEncrypted: configuration.isEncrypted, isLocal: isLocal)
                return try await known + self.topology(of: subscriptions, bus, client)
            }
        } catch let error as BusError {
            failure = error
            findings.append(DoctorFinding("connect", .problem, error.message, Self.advice(error)))
        }
        findings += try await self.management(client)
        self.show(findings, console)
        if let failure { throw CommandExit.code(for: failure) }
        if findings.contains(where: { $0.state == .problem }) { throw CommandExit.problem }
    }

    private func topology(
        of subscriptions: [Subscription],
        _ bus: RabbitEventBus,
        _ client: ManagementClient?
    ) async throws -> [DoctorFinding] {
        guard !subscriptions.isEmpty else {
            return [DoctorFinding("topology", .unknown, "--subscriptions names none that it could be compared with")]
        }
        let broker: BrokerTopology
        do {
            broker = try await self.options.broker(subscriptions, on: bus, client)
        } catch is CommandError {
            // The management's own finding tells it.
            broker = try await bus.topology(of: subscriptions)
        }
        let plan = TopologyPlan(subscriptions, on: broker)
        let count = plan.drifts.count - plan.drifts(.note).count
        guard count > 0 else {
            let text = "the broker has what the code wants"
            let rest = plan.unknown.isEmpty ? "" : ", as far as it tells; `topology plan` says what it does not"
            return [DoctorFinding("topology", .ok, text + rest)]
        }
        return [
            DoctorFinding(
                "topology",
                .problem,
                "\(count) difference\(count == 1 ? "" : "s") between code and broker",
                "`topology plan` tells which"
            )
        ]
    }

    private func management(_ client: ManagementClient?) async throws -> [DoctorFinding] {
        guard let client else {
            return [DoctorFinding("management", .unknown, "nodes, alarms and clocks: --management-url is missing")]
        }
        do {
            return ManagementFindings.all(try await client.facts())
        } catch let error as CommandError {
            return [DoctorFinding("management", .problem, error.description)]
        }
    }

    private static func advice(_ error: BusError) -> String {
        let text = error.message
        if text.contains("ACCESS_REFUSED") { return "user or password is wrong: see the broker's log" }
        if text.contains("NOT_ALLOWED") {
            return "the virtual host is missing, or the user may not enter it: `rabbitmqctl set_permissions`"
        }
        if text.contains("memory or its disk") {
            return "`rabbitmq-diagnostics alarms` tells which; `subscriptions list` shows what grows"
        }
        return "look whether the broker runs, its port is open and its certificate is the right one"
    }

    /// As wide as the longest state, and two spaces.
    private static func aligned(_ text: String) -> String {
        text + String(repeating: " ", count: "problem".count + 2 - text.count)
    }

    private func show(_ findings: [DoctorFinding], _ console: Console) {
        let lines = findings.flatMap { finding in
            [Self.aligned(finding.state.rawValue) + "\(finding.check): \(finding.text.printable)"]
                + (finding.advice.map { [Self.aligned("") + "→ \($0)"] } ?? [])
        }
        console.show(
            .object([
                "healthy": .bool(!findings.contains { $0.state == .problem }),
                "findings": .array(findings.map(\.json)),
            ]),
            text: lines.joined(separator: "\n")
        )
    }
}
