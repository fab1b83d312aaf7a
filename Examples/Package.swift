// swift-tools-version: 6.2
import PackageDescription

func library(_ name: String) -> Target.Dependency { .product(name: name, package: "swift-event-bus") }

let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")
let jwt = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP1 = Target.Dependency.product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")

let package = Package(
    name: "swift-event-bus-examples",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "demo", targets: ["demo"]),
        .executable(name: "user-service", targets: ["user-service"]),
        .executable(name: "payment-service", targets: ["payment-service"]),
        // For Benchmarks, which measure user-service without the cost of hashing.
        .library(name: "HTTPAPI", targets: ["HTTPAPI"]),
        .library(name: "UserProcess", targets: ["UserProcess"]),
    ],
    dependencies: [
        .package(name: "swift-event-bus", path: ".."),
        // Without their traits neither needs more of Foundation than FoundationEssentials.
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.4.0", traits: []),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.34.1"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.2"),
        .package(url: "https://github.com/vapor/jwt-kit.git", from: "5.7.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        // What the executables share: the HTTP API over the domain modules, configuration, start and shutdown.
        .target(
            name: "HTTPAPI",
            dependencies: [
                library("EventBus"), library("EventBusPersistence"), library("EventBusUsers"),
                library("EventBusPayments"),
                configuration, crypto, hummingbird, hummingbirdCore, httpTypes, jwt, lifecycle, log, nioCore, nioHTTP,
                nioHTTPTypes, nioHTTPTypesHTTP1, nioPosix, nioSSL, signals,
            ]
        ),

        // Both modules in one process: builds and runs without librabbitmq and libpq.
        .executableTarget(
            name: "demo",
            dependencies: [
                "HTTPAPI", library("EventBus"), library("EventBusPersistence"), library("EventBusUsers"),
                library("EventBusPayments"),
                configuration, hummingbird, lifecycle, log,
            ]
        ),

        // One module per process, on RabbitMQ and Postgres.
        .executableTarget(name: "user-service", dependencies: ["HTTPAPI", "UserProcess"]),
        .target(
            name: "UserProcess",
            dependencies: [
                "HTTPAPI", library("EventBus"), library("EventBusRabbit"), library("EventBusPersistence"),
                library("EventBusPostgres"), library("EventBusUsers"), configuration, lifecycle, log,
            ]
        ),
        .executableTarget(
            name: "payment-service",
            dependencies: [
                "HTTPAPI", library("EventBus"), library("EventBusRabbit"), library("EventBusPersistence"),
                library("EventBusPostgres"), library("EventBusPayments"), configuration, lifecycle, log,
            ]
        ),

        .testTarget(
            name: "HTTPAPITests",
            dependencies: [
                "HTTPAPI", library("EventBus"), library("EventBusPersistence"), library("EventBusUsers"),
                library("EventBusPayments"),
                configuration, crypto, httpTypes, hummingbird, hummingbirdTesting, jwt, library("EventBusTesting"),
                lifecycle, log, nioCore, nioHTTP, nioPosix, nioSSL,
            ]
        ),
        .testTarget(
            name: "DemoTests",
            dependencies: [
                "HTTPAPI", "demo", library("EventBus"), library("EventBusPersistence"), library("EventBusUsers"), log,
            ]
        ),
        .testTarget(
            name: "ServiceTests",
            dependencies: [
                "HTTPAPI", "user-service", "payment-service", library("EventBusTesting"), nioCore, nioPosix,
            ]
        ),
    ]
)

for target in package.targets where [.executable, .test, .regular].contains(target.type) {
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            .enableUpcomingFeature("ExistentialAny"),  // SE-0335
            .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
            .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
            .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // SE-0461
            .enableUpcomingFeature("InferIsolatedConformances"),  // SE-0470
        ]
}
