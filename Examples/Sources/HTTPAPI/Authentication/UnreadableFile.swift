// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A file that a setting names cannot be read.
struct UnreadableFile: Error, CustomStringConvertible {
    let description = "the file cannot be read"
}
