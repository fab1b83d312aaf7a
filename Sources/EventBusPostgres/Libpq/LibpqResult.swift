// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A result of libpq, copied into Swift values.
enum LibpqResult: Sendable {
    case success(StatementResult)
    case failure(ServerFailure)
    /// The server skipped the statement because an earlier one of the segment failed.
    case aborted
    case sync
    /// A result that no statement of this package has, such as that of COPY.
    case unexpected
}
