// swift-tools-version: 6.2
import PackageDescription

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")

/// What only an adapter needs is resolved only with its trait.
func product(_ name: String, _ package: String, trait: String) -> Target.Dependency {
    .product(name: name, package: package, condition: .when(traits: [trait]))
}

let package = Package(
    name: "swift-event-bus",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "EventBus", targets: ["EventBus"]),
        .library(name: "EventBusRabbit", targets: ["EventBusRabbit"]),
        .library(name: "EventBusTesting", targets: ["EventBusTesting"]),
        .library(name: "EventBusPersistence", targets: ["EventBusPersistence"]),
        .library(name: "EventBusPostgres", targets: ["EventBusPostgres"]),
        .library(name: "EventBusUsers", targets: ["EventBusUsers"]),
        .library(name: "EventBusPayments", targets: ["EventBusPayments"]),
        // The operator's tool, and its commands for an application's own tool.
        .executable(name: "eventbus", targets: ["EventBusTool"]),
        .library(name: "EventBusCommands", targets: ["EventBusCommands"]),
    ],
    // An application that says `traits: []` resolves neither NIO nor Crypto and gets everything but the adapters.
    traits: [
        .default(enabledTraits: ["RabbitMQ", "Postgres", "Scrypt", "Commands"]),
        .trait(name: "RabbitMQ", description: "EventBusRabbit; resolves SwiftNIO, NIOSSL and Crypto."),
        .trait(name: "Postgres", description: "EventBusPostgres; resolves Crypto."),
        .trait(name: "Scrypt", description: "ScryptHasher of EventBusUsers; resolves Crypto."),
        .trait(
            name: "Commands",
            description: "EventBusCommands and the tool eventbus; resolves ArgumentParser.",
            enabledTraits: ["RabbitMQ", "Postgres"]
        ),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        // The core: events, topics, the bus protocol, consumers, the in-process bus. No NIO, no C.
        .target(name: "EventBus", dependencies: [log, lifecycle, deque]),
        .target(name: "EventBusPersistence", dependencies: ["EventBus", log, lifecycle, deque]),
        .target(name: "EventBusTesting", dependencies: ["EventBus", "EventBusPersistence", log, lifecycle, deque]),

        // Adapters, one per server.
        .systemLibrary(
            name: "CEventBusRabbitMQ",
            pkgConfig: "librabbitmq",
            providers: [.apt(["librabbitmq-dev"]), .brew(["rabbitmq-c"])]
        ),
        .systemLibrary(
            name: "CEventBusPostgres",
            pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .brew(["libpq"])]
        ),
        .target(
            name: "EventBusRabbit",
            dependencies: [
                "EventBus", "CEventBusRabbitMQ", "EventBusRabbitTrait", log, lifecycle, deque,
                product("NIOCore", "swift-nio", trait: "RabbitMQ"),
                product("NIOPosix", "swift-nio", trait: "RabbitMQ"),
                product("NIOSSL", "swift-nio-ssl", trait: "RabbitMQ"),
                product("Crypto", "swift-crypto", trait: "RabbitMQ"),
            ]
        ),
        .target(
            name: "EventBusPostgres",
            dependencies: [
                "EventBus", "EventBusPersistence", "CEventBusPostgres", "EventBusPostgresTrait", log, lifecycle, deque,
                product("Crypto", "swift-crypto", trait: "Postgres"),
            ]
        ),
        // Compiled before an adapter, and fail when its trait is missing: one clear message instead of NIO's absence in every file.
        .target(name: "EventBusRabbitTrait", path: "Sources/Traits/RabbitMQ"),
        .target(name: "EventBusPostgresTrait", path: "Sources/Traits/Postgres"),
        .target(name: "EventBusCommandsTrait", path: "Sources/Traits/Commands"),

        // The operator's tool. Its folder is not called as its product, which differs from EventBus only in the case of letters.
        .target(
            name: "EventBusCommands",
            dependencies: [
                "EventBus", "EventBusPersistence", "EventBusRabbit", "EventBusPostgres", "EventBusCommandsTrait", log,
                lifecycle,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                product("ArgumentParser", "swift-argument-parser", trait: "Commands"),
                // RabbitMQ's management speaks HTTP.
                product("NIOCore", "swift-nio", trait: "Commands"),
                product("NIOHTTP1", "swift-nio", trait: "Commands"),
                product("NIOPosix", "swift-nio", trait: "Commands"),
                product("NIOSSL", "swift-nio-ssl", trait: "Commands"),
            ]
        ),
        .executableTarget(
            name: "EventBusTool",
            dependencies: ["EventBusCommands", product("ArgumentParser", "swift-argument-parser", trait: "Commands")]
        ),

        // Domain modules: they know the protocols, never an adapter, never each other.
        .target(
            name: "EventBusUsers",
            dependencies: [
                "EventBus", "EventBusPersistence",
                product("Crypto", "swift-crypto", trait: "Scrypt"),
                product("CryptoExtras", "swift-crypto", trait: "Scrypt"),
            ],
            path: "Sources/Users"
        ),
        .target(
            name: "EventBusPayments",
            dependencies: ["EventBus", "EventBusPersistence", log],
            path: "Sources/Payments"
        ),

        // A TCP proxy for the tests of both adapters.
        .target(name: "TestProxy", path: "Tests/TestProxy"),
        .testTarget(
            name: "EventBusTests",
            dependencies: [
                "EventBus", "EventBusTesting", log, lifecycle,
                .product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle"),
            ]
        ),
        .testTarget(
            name: "EventBusRabbitTests",
            dependencies: [
                "EventBus", "EventBusPersistence", "EventBusRabbit", "EventBusTesting", "TestProxy", log, lifecycle,
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]
        ),
        .testTarget(
            name: "EventBusPersistenceTests",
            dependencies: [
                "EventBus", "EventBusPersistence", "EventBusTesting", log, lifecycle,
                .product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle"),
            ]
        ),
        .testTarget(
            name: "EventBusPostgresTests",
            dependencies: [
                "EventBus", "EventBusTesting", "EventBusPersistence", "EventBusPostgres", "TestProxy", log, lifecycle,
            ]
        ),
        .testTarget(
            name: "EventBusCommandsTests",
            dependencies: [
                "EventBus", "EventBusCommands", "EventBusPersistence", "EventBusPostgres", "EventBusRabbit",
                "EventBusTesting", log,
                product("ArgumentParser", "swift-argument-parser", trait: "Commands"),
            ]
        ),
        .testTarget(
            name: "EventBusTestingTests",
            dependencies: [
                "EventBus", "EventBusTesting", "EventBusPayments", "EventBusPersistence", "EventBusUsers", lifecycle,
            ]
        ),
        .testTarget(
            name: "UsersTests",
            dependencies: ["EventBus", "EventBusPersistence", "EventBusTesting", "EventBusUsers"]
        ),
        .testTarget(
            name: "PaymentsTests",
            dependencies: ["EventBus", "EventBusPersistence", "EventBusTesting", "EventBusPayments"]
        ),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "EventBus", "EventBusRabbit", "EventBusTesting", "EventBusPersistence", "EventBusPostgres",
                "EventBusUsers", "EventBusPayments", "TestProxy", log, lifecycle,
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            exclude: ["Foreign"]
        ),
    ]
)

var settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // SE-0461
    .enableUpcomingFeature("InferIsolatedConformances"),  // SE-0470
]
if Context.environment["CI"] != nil {
    settings.append(.treatAllWarnings(as: .error))  // SE-0480
}
for target in package.targets where [.executable, .test, .regular].contains(target.type) {
    target.swiftSettings = (target.swiftSettings ?? []) + settings
}
