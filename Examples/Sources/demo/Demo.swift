// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPayments
import EventBusPersistence
import EventBusUsers
import HTTPAPI
import Hummingbird
import Logging
import ServiceLifecycle

/// Both modules in one process, on the in-process bus and stores, with every part between them observed.
///
/// The modules do not know: they get a bus, a store and a hasher, here as everywhere.
struct Demo: Sendable {
    private let teller: Storyteller
    private let script: Script
    private let services: [any Service]
    private let sample: SampleRegistration
    private let once: Bool
    private let logger: Logger

    /// Wires everything together.
    ///
    /// - Parameters:
    ///   - server: where the HTTP API is served.
    ///   - once: whether to end after the sample user.
    ///   - hasher: hashes passwords.
    ///   - script: how steps are shown.
    ///   - logger: logs failures.
    ///   - write: writes lines.
    init(
        _ server: ServerConfiguration,
        once: Bool,
        hasher: any PasswordHasher,
        script: Script,
        logger: Logger,
        write: @escaping @Sendable (String) -> Void
    ) {
        let teller = Storyteller(script, write: write)
        let bus = ObservedBus(base: InMemoryEventBus(), teller: teller)
        let userStore = ObservedStore(base: InMemoryStore(), name: "Users", teller: teller)
        let paymentStore = ObservedStore(base: InMemoryStore(), name: "Payments", teller: teller)
        let users = Users(store: userStore, hasher: ObservedHasher(base: hasher, teller: teller))
        let payments = Payments(store: paymentStore)
        let userRelay = OutboxRelay(from: userStore, to: bus, logger: logger)
        let paymentRelay = OutboxRelay(from: paymentStore, to: bus, logger: logger)
        let consumer = payments.consumer(on: bus, logger: logger)

        let readiness = Readiness(
            requires: [{ consumer.health }],
            notes: [{ await userRelay.health }, { await paymentRelay.health }]
        )
        let router = Router(
            named: "demo",
            serving: RegistrationAPI(users).endpoints + AccountAPI(payments).endpoints
                + HealthAPI(readiness).endpoints,
            middleware: [StoryMiddleware(teller: teller)]
        )
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        let http = HTTPServer(router, server, logger: logger) { port in listening.yield(port) }
        self.teller = teller
        self.script = script
        self.logger = logger
        self.services = [userRelay, paymentRelay, consumer, http]
        self.sample = SampleRegistration(
            server: server,
            ports: ports,
            consumer: consumer,
            teller: teller,
            goesOn: !once
        )
        self.once = once
    }

    /// Serves until SIGTERM or SIGINT; registers a sample user at once.
    ///
    /// - Throws: ``ConfigurationError`` when the port cannot be used; what went wrong with the sample.
    func run() async throws {
        self.teller.say(self.script.bold("Users and Payments in one process") + ", on the in-process bus and stores")
        let sample = ServiceGroupConfiguration.ServiceConfiguration(
            service: self.sample,
            successTerminationBehavior: self.once ? .gracefullyShutdownGroup : .ignore
        )
        try await Program.run(self.services.map { .init(service: $0) } + [sample], logger: self.logger)
    }
}
