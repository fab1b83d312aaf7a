// swift-tools-version: 6.2
import PackageDescription

// The core, persistence, users and those parts of the adapters that decide something, with their unit tests and nothing else.
// scripts/mutants links the sources here, with all mutants planted, since the tests of the whole package would take minutes to build.
let shared: [Target.Dependency] = [
    .product(name: "Logging", package: "swift-log"),
    .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
    .product(name: "DequeModule", package: "swift-collections"),
]
let tests = shared + [.product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle")]

let package = Package(
    name: "transitions",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        .target(name: "EventBus", dependencies: shared),
        .target(name: "EventBusPersistence", dependencies: ["EventBus"] + shared),
        .target(name: "EventBusTesting", dependencies: ["EventBus", "EventBusPersistence"] + shared),
        .testTarget(name: "EventBusTests", dependencies: ["EventBus", "EventBusTesting"] + tests),
        .testTarget(
            name: "EventBusPersistenceTests",
            dependencies: ["EventBus", "EventBusPersistence", "EventBusTesting"] + tests
        ),
        // Without scrypt.
        .target(name: "EventBusUsers", dependencies: ["EventBus", "EventBusPersistence"]),
        .testTarget(
            name: "UsersTests",
            dependencies: ["EventBus", "EventBusPersistence", "EventBusTesting", "EventBusUsers"],
            sources: [
                "AuthenticationTests.swift", "IdempotencyTests.swift", "PreparedPasswordTests.swift", "RecordingHasher.swift",
                "Support.swift",
            ]
        ),
        // Without libpq, threads and Crypto.
        .target(
            name: "EventBusPostgres",
            dependencies: ["EventBus", "EventBusPersistence"] + shared,
            sources: [
                "Codec", "Connection/SharedBatch.swift", "Connection/SharedQueue.swift", "Libpq/LibpqResult.swift", "Libpq/Pipeline.swift", "Libpq/Statement.swift",
                "Libpq/StatementCache.swift", "LogKey+Postgres.swift", "Outbox/Lane.swift", "Outbox/MissingIDs.swift",
                "Outbox/OutboxLease.swift", "Outbox/OutboxRead.swift", "Outbox/OutboxReader.swift", "Outbox/RowBuffer.swift",
                "Outbox/TransactionSnapshot.swift", "Pool/PoolState.swift", "Pool/PoolState+Serving.swift",
                "PostgresError.swift", "Store/PostgresWrite.swift", "Store/RepositoryError+Postgres.swift",
            ]
        ),
        .testTarget(
            name: "EventBusPostgresTests",
            dependencies: ["EventBus", "EventBusPersistence", "EventBusPostgres", "EventBusTesting"] + tests,
            sources: [
                "Unit/ErrorTests.swift", "Unit/OutboxLeaseTests.swift", "Unit/OutboxReaderTests.swift", "Unit/OutboxTable.swift",
                "Unit/PipelineTests.swift", "Unit/PoolStateTests.swift", "Unit/RandomProgram.swift", "Unit/SharedQueueTests.swift",
            ]
        ),
        // Without NIO.
        .target(
            name: "EventBusRabbit",
            dependencies: ["EventBus"] + shared,
            sources: [
                "DeadLetters/DeadLetterGap.swift", "DeadLetters/DeadLetterRun.swift", "DeadLetters/DeadLetterWindow.swift",
                "Subscriptions/QueueCount.swift",
            ]
        ),
        .testTarget(
            name: "EventBusRabbitTests",
            dependencies: ["EventBus", "EventBusRabbit"],
            sources: [
                "DeadLetters/DeadLetterGapTests.swift", "DeadLetters/DeadLetterRunTests.swift",
                "DeadLetters/DeadLetterWindowTests.swift",
            ]
        ),
    ]
)

for target in package.targets {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),  // SE-0335
        .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
        .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // SE-0461
        .enableUpcomingFeature("InferIsolatedConformances"),  // SE-0470
    ]
}
