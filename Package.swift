// swift-tools-version: 6.2
import PackageDescription

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")

let package = Package(
    name: "swift-event-bus",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "EventBus", targets: ["EventBus"]),
        .library(name: "EventBusRabbit", targets: ["EventBusRabbit"]),
        .library(name: "EventBusTesting", targets: ["EventBusTesting"]),
        .library(name: "Persistence", targets: ["Persistence"]),
        .library(name: "PersistencePostgres", targets: ["PersistencePostgres"]),
        .library(name: "Users", targets: ["Users"]),
        .library(name: "Payments", targets: ["Payments"]),
    ],
    dependencies: [
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
        .target(name: "Persistence", dependencies: ["EventBus", log, lifecycle, deque]),
        .target(name: "EventBusTesting", dependencies: ["EventBus", "Persistence", log, lifecycle, deque]),

        // Adapters, one per server.
        .systemLibrary(
            name: "CRabbitMQ",
            pkgConfig: "librabbitmq",
            providers: [.apt(["librabbitmq-dev"]), .brew(["rabbitmq-c"])]
        ),
        .systemLibrary(
            name: "CPostgres",
            pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .brew(["libpq"])]
        ),
        .target(
            name: "EventBusRabbit",
            dependencies: [
                "EventBus", "CRabbitMQ", log, lifecycle, deque,
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Crypto", package: "swift-crypto"),
            ]
        ),
        .target(
            name: "PersistencePostgres",
            dependencies: [
                "EventBus", "Persistence", "CPostgres", log, lifecycle, deque,
                .product(name: "Crypto", package: "swift-crypto"),
            ]
        ),

        // Domain modules: they know the protocols, never an adapter, never each other.
        .target(
            name: "Users",
            dependencies: [
                "EventBus", "Persistence",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ]
        ),
        .target(name: "Payments", dependencies: ["EventBus", "Persistence", log]),

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
                "EventBus", "EventBusRabbit", "EventBusTesting", log, lifecycle,
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]
        ),
        .testTarget(
            name: "PersistenceTests",
            dependencies: [
                "EventBus", "Persistence", "EventBusTesting", log, lifecycle,
                .product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle"),
            ]
        ),
        .testTarget(
            name: "PersistencePostgresTests",
            dependencies: ["EventBus", "EventBusTesting", "Persistence", "PersistencePostgres", log, lifecycle]
        ),
        .testTarget(
            name: "EventBusTestingTests",
            dependencies: [
                "EventBus", "EventBusTesting", "Payments", "Persistence", "Users", lifecycle,
            ]
        ),
        .testTarget(name: "UsersTests", dependencies: ["EventBus", "Persistence", "EventBusTesting", "Users"]),
        .testTarget(
            name: "PaymentsTests",
            dependencies: ["EventBus", "Persistence", "EventBusTesting", "Payments"]
        ),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "EventBus", "EventBusRabbit", "EventBusTesting", "Persistence", "PersistencePostgres",
                "Users", "Payments", log, lifecycle,
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
