// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import Testing

/// Prints what a fault has cost, in one form for all tests, and judges it.
///
/// - Parameters:
///   - fault: its number in docs/faults.md.
///   - lost: how many events were lost.
///   - starts: how often the event that was started most often was started, and how often it may be; `nil` where nothing is handled.
///   - seconds: from the end of the fault until events flow again.
///   - limit: what that may be.
func report(fault: String, lost: Int, starts: (most: Int, allowed: Int)? = nil, seconds: Double, limit: Double = 5) {
    let most = starts.map { "\($0.most)" } ?? "-"
    print("fault \(fault): lost \(lost), starts \(most), again after \(String(format: "%.1f", seconds)) s")
    #expect(lost == 0)
    #expect(seconds <= limit)
    if let starts { #expect(starts.most <= starts.allowed) }
}
