// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence
import EventBusUsers
import HTTPTypes
import Hummingbird
import NIOCore

extension Problem {
    /// The answer to a client for an error; `nil` for an unexpected one.
    init?(_ error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as RegistrationError: self.init(error)
        case let error as RepositoryError where error.code == .commitUnknown:
            self = .unavailable("It is not known whether the change was stored.", retryAfter: 5)
        case let error as RepositoryError where error.isTransient:
            self = .unavailable("The store cannot be reached.", retryAfter: 5)
        case is IdempotencyKeyReused:
            self.init(
                .unprocessableContent,
                "This Idempotency-Key belongs to a registration with other values: a new registration needs a new key."
            )
        case is HasherOverloaded: self = .unavailable("Too many people are registering or logging in.", retryAfter: 1)
        // The service is shutting down, or the client has closed its side, and then hardly reads this.
        case is CancellationError: self = .unavailable("The request was cancelled.", retryAfter: 1)
        case is NIOTooManyBytesError: self = .bodyTooLarge
        case let error as HTTPError: self.init(error.status, headers: error.headers)
        default: return nil
        }
    }

    /// More than ``Request/maximumBodySize`` bytes.
    static let bodyTooLarge = Problem(.contentTooLarge, "The body may have up to \(Request.maximumBodySize) bytes.")

    private init(_ error: RegistrationError) {
        let faults = error.violations.map { Fault($0.field.rawValue, $0.problem) }
        if error.code == .taken {
            self.init(.conflict, "Another user has this username or e-mail address.", errors: faults)
        } else {
            self.init(.unprocessableContent, "Some fields break a rule.", errors: faults)
        }
    }
}
