// swift-tools-version: 6.2
import PackageDescription

// What measures the library and is no part of it; `scripts/bench` runs it. The programs it is compared with are in Baselines/.
func library(_ name: String) -> Target.Dependency { .product(name: name, package: "swift-event-bus") }
func example(_ name: String) -> Target.Dependency { .product(name: name, package: "swift-event-bus-examples") }

let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

let package = Package(
    name: "swift-event-bus-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-event-bus", path: ".."),
        .package(name: "swift-event-bus-examples", path: "../Examples"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        .target(name: "Measuring", dependencies: [library("EventBus")]),
        .executableTarget(name: "in-process", dependencies: ["Measuring", library("EventBus")]),
        .executableTarget(
            name: "simulated",
            dependencies: ["Measuring", library("EventBus"), library("EventBusTesting")]
        ),
        .executableTarget(name: "topics", dependencies: ["Measuring", library("EventBus")]),
        .executableTarget(
            name: "rabbit",
            dependencies: ["Measuring", library("EventBus"), library("EventBusRabbit"), lifecycle]
        ),
        .executableTarget(
            name: "postgres",
            dependencies: [
                "Measuring", library("EventBus"), library("EventBusPersistence"), library("EventBusPostgres"),
                library("EventBusUsers"), lifecycle,
            ]
        ),
        .executableTarget(
            name: "hot-paths",
            dependencies: [
                "Measuring", library("EventBus"), library("EventBusRabbit"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]
        ),
        // The whole system, less the cost of hashing a password.
        .executableTarget(
            name: "user-service-cheap-hash",
            dependencies: [
                example("HTTPAPI"), example("UserProcess"), library("EventBusUsers"),
                .product(name: "Crypto", package: "swift-crypto"),
            ]
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
