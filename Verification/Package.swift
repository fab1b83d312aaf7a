// swift-tools-version: 6.2
import PackageDescription

// What proves the promises and is no part of the library: the whole flow under seeded faults, random programs on two buses.
func library(_ name: String) -> Target.Dependency { .product(name: name, package: "swift-event-bus") }

let package = Package(
    name: "swift-event-bus-verification",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-event-bus", path: ".."),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        .target(
            name: "WholeFlow",
            dependencies: [
                library("EventBus"),
                library("EventBusTesting"),
                library("EventBusPersistence"),
                library("EventBusPayments"),
                library("EventBusUsers"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .executableTarget(
            name: "simulate",
            dependencies: ["WholeFlow", library("EventBusTesting")]
        ),
        .executableTarget(name: "settle", dependencies: ["WholeFlow"]),
        .target(name: "DifferentialTesting", dependencies: [library("EventBus"), library("EventBusTesting")]),
        .testTarget(
            name: "DifferentialTestingTests",
            dependencies: ["DifferentialTesting", library("EventBus"), library("EventBusTesting")]
        ),
        .executableTarget(
            name: "differential",
            dependencies: [
                "DifferentialTesting",
                library("EventBus"),
                library("EventBusRabbit"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .executableTarget(
            name: "relays",
            dependencies: [library("EventBus"), library("EventBusPersistence"), library("EventBusPostgres")]
        ),
        .systemLibrary(name: "CLibFuzzer"),
        .executableTarget(name: "fuzz", dependencies: ["CLibFuzzer", library("EventBusRabbit")]),
        .executableTarget(
            name: "conform",
            dependencies: [library("EventBus"), library("EventBusTesting"), library("EventBusPersistence")]
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
