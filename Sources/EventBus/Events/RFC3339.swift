// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Reads times as RFC 3339 §5.6 writes them.
///
/// Foundation's parser takes the 30th of February and ignores what follows the time.
enum RFC3339 {
    /// The time; `nil` when the text is anything else.
    ///
    /// Leap seconds count as the first second of the next minute.
    static func date(from text: String) -> Date? {
        var rest = text.utf8[...]
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

    private static func take(_ character: Unicode.Scalar, _ rest: inout Substring.UTF8View) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    private static func digit(_ rest: inout Substring.UTF8View) -> Int? {
        guard let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        rest.removeFirst()
        return Int(byte - UInt8(ascii: "0"))
    }

    private static func number(_ digits: Int, _ rest: inout Substring.UTF8View) -> Int? {
        var number = 0
        for _ in 0..<digits {
            guard let digit = RFC3339.digit(&rest) else { return nil }
            number = number * 10 + digit
        }
        return number
    }

    /// A part of a second, if there is one.
    private static func fraction(_ rest: inout Substring.UTF8View) -> Double? {
        guard RFC3339.take(".", &rest) else { return 0 }
        guard var numerator = RFC3339.digit(&rest).map(Double.init) else { return nil }
        var denominator = 10.0
        while let digit = RFC3339.digit(&rest) {
            // A double holds no more.
            guard denominator < 1e15 else { continue }
            numerator = numerator * 10 + Double(digit)
            denominator *= 10
        }
        return numerator / denominator
    }

    /// The minutes by which local time is ahead of UTC.
    private static func offset(_ rest: inout Substring.UTF8View) -> Int? {
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

    /// Days in the proleptic Gregorian calendar, counted from years that begin in March so that a leap day comes last.
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let marchYear = month > 2 ? year : year - 1
        let marchMonth = (month + 9) % 12
        let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
        return marchYear * 365 + leapDays + (marchMonth * 153 + 2) / 5 + day - 719_469
    }
}
