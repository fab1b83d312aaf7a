// swift-tools-version: 6.2
import PackageDescription

// What proves the promises and is no part of the library: the whole flow under seeded faults, random programs on two buses.
let bus = "swift-event-bus"

let package = Package(
    name: "swift-event-bus-verification",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: bus, path: ".."),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        .target(
            name: "WholeFlow",
            dependencies: [
                .product(name: "EventBus", package: bus),
                .product(name: "EventBusTesting", package: bus),
                .product(name: "Persistence", package: bus),
                .product(name: "Payments", package: bus),
                .product(name: "Users", package: bus),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .executableTarget(
            name: "simulate",
            dependencies: ["WholeFlow", .product(name: "EventBusTesting", package: bus)]
        ),
        .executableTarget(name: "settle", dependencies: ["WholeFlow"]),
        .executableTarget(
            name: "differential",
            dependencies: [
                .product(name: "EventBus", package: bus),
                .product(name: "EventBusRabbit", package: bus),
                .product(name: "EventBusTesting", package: bus),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .executableTarget(
            name: "conform",
            dependencies: [
                .product(name: "EventBus", package: bus),
                .product(name: "EventBusTesting", package: bus),
                .product(name: "Persistence", package: bus),
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
