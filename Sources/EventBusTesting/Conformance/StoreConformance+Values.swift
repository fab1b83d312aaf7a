// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension StoreConformance {
    static let values: [Case] = [
        Case("numbers come back at their extremes") { scene in
            for number in [Int64.min, .max, 0] {
                let specimen = Specimen("int \(number)").with { $0.number = number }
                try await scene.insert(specimen)
                try await scene.expectStored(specimen)
                try expect("by number", try await scene.specimens.find(by: Specimen.byNumber, number), specimen)
            }
            let weights: [Double] = [
                .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, .pi, -0.0, 1e-300,
            ]
            for weight in weights {
                let specimen = Specimen("double \(weight)").with { $0.weight = weight }
                try await scene.insert(specimen)
                let found = try await scene.specimens.find(specimen.id)
                try expect("bits of \(weight)", found?.weight?.bitPattern, weight.bitPattern)
            }
            let notANumber = Specimen("NaN").with { $0.weight = .nan }
            try await scene.insert(notANumber)
            try expect("NaN", try await scene.specimens.find(notANumber.id)?.weight?.isNaN, true)
        },
        Case("empty text and no bytes are values, not the lack of one") { scene in
            let specimen = Specimen("").with { specimen in
                specimen.code = ""
                specimen.picture = []
                specimen.note = ""
            }
            try await scene.insert(specimen)
            try await scene.expectStored(specimen)
            try expect("by code", try await scene.specimens.find(by: Specimen.byCode, ""), specimen)
        },
        Case("times keep their microseconds and nothing finer") { scene in
            let noon = 1_767_268_800.0
            let times: [(stored: Double, expected: Double)] = [
                (noon, noon), (noon + 0.000_001, noon + 0.000_001), (noon + 0.999_999, noon + 0.999_999),
                (1.000_000_3, 1), (1.000_000_7, 1.000_001), (-0.25, -0.25), (0, 0),
                (-62_135_596_800, -62_135_596_800), (253_402_300_799, 253_402_300_799),
            ]
            for (stored, expected) in times {
                let specimen = Specimen("time \(stored)").with { $0.foundAt = Date(timeIntervalSince1970: stored) }
                try await scene.insert(specimen)
                let found = try await scene.specimens.find(specimen.id)?.foundAt?.timeIntervalSince1970
                // A current Date has a resolution of 0.12 µs.
                try expect("time \(expected), not \(found ?? .nan)", abs((found ?? .nan) - expected) < 0.000_000_4)
            }
        },
        Case("a megabyte of text and of bytes comes back") { scene in
            let specimen = Specimen("big").with { specimen in
                specimen.note = String(repeating: "0123456789abcde\u{E9}", count: 65_536)
                specimen.picture = (0..<1_048_576).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            }
            try await scene.insert(specimen)
            let found = try await scene.specimens.find(specimen.id)
            try expect("the note comes back", found?.note == specimen.note)
            try expect("the picture comes back", found?.picture == specimen.picture)
        },
        Case("text with NUL and times that no calendar has are refused") { scene in
            let impossible: [(String, Specimen)] = [
                ("NUL in a name", Specimen("a\0")), ("NUL in a note", Specimen("b").with { $0.note = "\0" }),
                ("an infinite time", Specimen("c").with { $0.foundAt = Date(timeIntervalSince1970: .infinity) }),
                ("a time that is no number", Specimen("d").with { $0.foundAt = Date(timeIntervalSince1970: .nan) }),
                ("the year 300000", Specimen("e").with { $0.foundAt = Date(timeIntervalSince1970: 9.4e12) }),
                ("the year -5000", Specimen("f").with { $0.foundAt = Date(timeIntervalSince1970: -2.2e11) }),
            ]
            let witness = Specimen("witness")
            for (what, specimen) in impossible {
                try await scene.expectFailure(.invalidValue, what) { transaction in
                    try scene.specimens.insert(witness, in: transaction)
                    try scene.specimens.insert(specimen, in: transaction)
                }
                try await scene.expectMissing(witness, specimen)
            }
            try await scene.insert(witness)
            try await scene.expectFailure(.invalidValue, "NUL in an update") { transaction in
                try scene.specimens.update(witness.with { $0.note = "\0" }, in: transaction)
            }
            try await scene.expectStored(witness)
        },
    ]
}
