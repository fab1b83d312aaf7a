// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes

extension HealthAPI {
    static let liveness = Operation(
        "getLiveness",
        "Says that the process works, whatever other servers do.",
        answers: [.json(.ok, "It works.", .object([Schema.Field("status", .choice(["alive"]))]))]
    )

    static let readiness = Operation(
        "getReadiness",
        "Says whether the service can do its work.",
        answers: [
            .json(
                .ok,
                "It can; `degraded` where something is late.",
                .object([Schema.Field("status", .choice(["ready", "degraded"])), Self.notes])
            ),
            DescribedAnswer(
                .serviceUnavailable,
                "It cannot.",
                content: [
                    "application/json": .object([
                        Schema.Field("status", .choice(["unready"])),
                        Schema.Field("problems", .array(of: .string()), "What keeps it from its work."),
                        Self.notes,
                    ]),
                    Problem.contentType: Problem.schema,
                ]
            ),
        ]
    )

    private static let notes = Schema.Field("notes", .array(of: .string()), isRequired: false, "What is late.")
}
