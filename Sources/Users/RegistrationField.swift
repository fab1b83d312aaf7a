// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A field of the registration form, named as in its JSON.
public enum RegistrationField: String, Sendable, Hashable, CaseIterable {
    /// The name that others see.
    case username
    /// Where the user gets mail.
    case email
    /// The secret.
    case password
}
