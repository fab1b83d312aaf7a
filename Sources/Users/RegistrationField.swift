// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A field of the registration form, named as in its JSON.
public enum RegistrationField: String, Sendable, Hashable, CaseIterable {
    /// The name that other users see.
    case username
    /// The user's e-mail address.
    case email
    /// The user's password.
    case password
}
