// swift-tools-version: 6.2
import PackageDescription

func library(_ name: String) -> Target.Dependency { .product(name: name, package: "swift-event-bus") }

let log = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "swift-event-bus-verification",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-event-bus", path: ".."),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
    ],
    targets: [
        // Random programs on the in-process bus and on RabbitMQ: scripts/differential.
        .executableTarget(
            name: "differential",
            dependencies: [library("EventBus"), library("EventBusRabbit"), library("EventBusTesting"), log]
        )
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
