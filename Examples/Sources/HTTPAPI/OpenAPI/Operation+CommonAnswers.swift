// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes

extension Operation {
    /// What is answered for an operation by what stands before it: the server, the router and the readers of bodies.
    ///
    /// 500 is none of them: it is a bug wherever it is seen.
    var commonAnswers: [DescribedAnswer] {
        var answers: [DescribedAnswer] = [
            .problem(.badRequest, "The request is malformed."),
            .problem(
                .methodNotAllowed,
                "The path does not know the method.",
                headers: [DescribedHeader(.allow, "The methods that it knows.", .string())]
            ),
            .problem(.requestTimeout, "The request did not arrive in time."),
            .problem(.expectationFailed, "The client expects something other than 100-continue."),
            .problem(.requestHeaderFieldsTooLarge, "The head of the request is too large."),
            .problem(
                .serviceUnavailable,
                "Something is overloaded, away or shutting down, which passes by itself.",
                headers: [.retryAfter]
            ),
        ]
        if self.body != nil {
            answers += [
                .problem(.contentTooLarge, "The body is too large."),
                .problem(.unsupportedMediaType, "The content type is not application/json."),
            ]
        }
        if !self.security.isEmpty {
            answers.append(
                .problem(
                    .unauthorized,
                    "The client has not said who it is.",
                    headers: [DescribedHeader(.wwwAuthenticate, "How to say it (RFC 6750 §3).", .string())]
                )
            )
        }
        return answers
    }
}
