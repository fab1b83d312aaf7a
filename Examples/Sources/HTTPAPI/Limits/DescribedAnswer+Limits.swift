// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes

extension DescribedAnswer {
    /// What ``RequestLimits`` answer.
    static let tooManyAttempts = DescribedAnswer.problem(
        .tooManyRequests,
        "There were too many attempts by this client or for this name.",
        headers: [.retryAfter]
    )
}
