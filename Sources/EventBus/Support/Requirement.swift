// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Stops the program when a rule is broken by a programming error.
///
/// Unlike `precondition`, it prints its text in release builds as well, in which people run their services.
package func require(
    _ isMet: Bool,
    _ text: @autoclosure () -> String,
    file: StaticString = #fileID,
    line: UInt = #line
) {
    if !isMet { fatalError(text(), file: file, line: line) }
}
