// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Formats and parses times according to RFC 3339 §5.6.
///
/// Foundation's parser accepts February 30 and ignores text after the time, and its formatter takes longer than everything else
/// that encoding a message involves.
enum RFC3339 {
    /// Formats a time as `2026-01-01T00:00:00Z`, with milliseconds if they are not zero; `nil` outside the years 0 to 9999.
    static func text(milliseconds: Double) -> String? {
        guard (-62_167_219_200_000..<253_402_300_800_000).contains(milliseconds) else { return nil }
        let (days, time) = RFC3339.quotient(Int(milliseconds), 86_400_000)
        let (year, month, day) = RFC3339.date(daysSince1970: days)
        let fraction = time % 1000
        return String(unsafeUninitializedCapacity: 24) { buffer in
            var length = 0
            func write(_ number: Int, _ digits: Int, _ separator: Unicode.Scalar) {
                var rest = number
                for place in stride(from: length + digits - 1, through: length, by: -1) {
                    buffer[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                }
                buffer[length + digits] = UInt8(ascii: separator)
                length += digits + 1
            }
            write(year, 4, "-")
            write(month, 2, "-")
            write(day, 2, "T")
            write(time / 3_600_000, 2, ":")
            write(time / 60_000 % 60, 2, ":")
            write(time / 1000 % 60, 2, fraction == 0 ? "Z" : ".")
            if fraction != 0 { write(fraction, 3, "Z") }
            return length
        }
    }

    /// Parses a time; `nil` if the text is not a valid one.
    ///
    /// A leap second is read as the first second of the next minute.
    static func date(from text: UnsafeRawBufferPointer) -> Date? {
        var rest = Bytes(all: text)
        guard let year = RFC3339.number(4, &rest), RFC3339.take("-", &rest),
            let month = RFC3339.number(2, &rest), (1...12).contains(month), RFC3339.take("-", &rest),
            let day = RFC3339.number(2, &rest), (1...RFC3339.days(in: month, of: year)).contains(day),
            RFC3339.take("T", &rest) || RFC3339.take("t", &rest),
            let hour = RFC3339.number(2, &rest), hour < 24, RFC3339.take(":", &rest),
            let minute = RFC3339.number(2, &rest), minute < 60, RFC3339.take(":", &rest),
            let second = RFC3339.number(2, &rest), second <= 60,
            let fraction = RFC3339.fraction(&rest), let offset = RFC3339.offset(&rest), rest.isEmpty
        else { return nil }
        let minutes = (RFC3339.daysSince1970(year, month, day) * 24 + hour) * 60 + minute - offset
        return Date(timeIntervalSince1970: Double(minutes * 60 + second) + fraction)
    }

    /// What is left of a text; removing its first byte costs less than with a slice.
    private struct Bytes {
        let all: UnsafeRawBufferPointer
        private var position = 0

        init(all: UnsafeRawBufferPointer) { self.all = all }

        var isEmpty: Bool { self.position == self.all.count }
        var first: UInt8? { self.isEmpty ? nil : self.all[self.position] }
        mutating func removeFirst() { self.position += 1 }
    }

    private static func take(_ character: Unicode.Scalar, _ rest: inout Bytes) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    private static func digit(_ rest: inout Bytes) -> Int? {
        guard let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        rest.removeFirst()
        return Int(byte - UInt8(ascii: "0"))
    }

    private static func number(_ digits: Int, _ rest: inout Bytes) -> Int? {
        var number = 0
        for _ in 0..<digits {
            guard let digit = RFC3339.digit(&rest) else { return nil }
            number = number * 10 + digit
        }
        return number
    }

    /// Parses the fraction of a second, 0 if there is none; `nil` if it is malformed.
    private static func fraction(_ rest: inout Bytes) -> Double? {
        guard RFC3339.take(".", &rest) else { return 0 }
        guard var numerator = RFC3339.digit(&rest).map(Double.init) else { return nil }
        var denominator = 10.0
        while let digit = RFC3339.digit(&rest) {
            // A Double cannot represent more digits.
            guard denominator < 1e15 else { continue }
            numerator = numerator * 10 + Double(digit)
            denominator *= 10
        }
        return numerator / denominator
    }

    /// Parses the offset of local time from UTC, in minutes.
    private static func offset(_ rest: inout Bytes) -> Int? {
        if RFC3339.take("Z", &rest) || RFC3339.take("z", &rest) { return 0 }
        let isAhead = RFC3339.take("+", &rest)
        guard isAhead || RFC3339.take("-", &rest),
            let hours = RFC3339.number(2, &rest), hours < 24, RFC3339.take(":", &rest),
            let minutes = RFC3339.number(2, &rest), minutes < 60
        else { return nil }
        return (isAhead ? 1 : -1) * (hours * 60 + minutes)
    }

    private static func days(in month: Int, of year: Int) -> Int {
        let isLeap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
        return switch month {
        case 2: isLeap ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Counts days in the proleptic Gregorian calendar.
    ///
    /// Years begin in March here, so that a leap day is the last day of a year.
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let marchYear = month > 2 ? year : year - 1
        let marchMonth = (month + 9) % 12
        func count(_ years: Int) -> Int { RFC3339.quotient(marchYear, years).quotient }
        return marchYear * 365 + count(4) - count(100) + count(400) + (marchMonth * 153 + 2) / 5 + day - 719_469
    }

    /// The inverse of ``daysSince1970(_:_:_:)``.
    private static func date(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
        // Counted from March 1, 0000, in eras of 400 years, which all have the same number of days.
        let (era, dayOfEra) = RFC3339.quotient(days + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = era * 400 + yearOfEra + (month > 2 ? 0 : 1)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    /// Integer division that rounds down.
    private static func quotient(_ number: Int, _ divisor: Int) -> (quotient: Int, remainder: Int) {
        let remainder = (number % divisor + divisor) % divisor
        return ((number - remainder) / divisor, remainder)
    }
}
