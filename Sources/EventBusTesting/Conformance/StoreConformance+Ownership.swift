// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

extension StoreConformance {
    static let ownership: [Case] = [
        Case("a second owner waits until the first one ends") { scene in
            for number in 0..<20 { try await scene.publish(SpecimenFound(label: "\(number)")) }
            let (began, ended) = (Notifier(), Notifier())
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await scene.owning { outbox in
                        began.raise()
                        for _ in 0..<20 { _ = try await outbox.peek(10) }
                        ended.raise()
                    }
                }
                _ = try await began.wait(above: 0)
                group.addTask {
                    try await scene.owning { outbox in
                        try expect("the first owner has ended", ended.value > 0)
                        try expect("rows", try await outbox.peek(100).count, 20)
                    }
                }
                try await group.waitForAll()
            }
        },
        Case("a task that waits for ownership can be cancelled, which leaves nothing behind") { scene in
            try await scene.owning { _ in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await expectCancellation("withOwnership") {
                            try await scene.store.outbox.withOwnership { _ in
                                throw ConformanceFailure("there were two owners")
                            }
                        }
                    }
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
            try expect("events", try await scene.waiting(), [])
        },
        Case("ownership ends with the body's error, which comes through") { scene in
            try await expectChangedMind("withOwnership") {
                try await scene.store.outbox.withOwnership { _ in throw ChangedMind() }
            }
            try expect("events", try await scene.waiting(), [])
        },
        Case("the owner sees what is committed while it owns") { scene in
            try await scene.owning { outbox in
                try expect("rows", try await outbox.peek(10).count, 0)
                try await scene.publish(SpecimenFound(label: "one"))
                try expect("rows", try await outbox.peek(10).map { try $0.label }, ["one"])
            }
        },
    ]
}
