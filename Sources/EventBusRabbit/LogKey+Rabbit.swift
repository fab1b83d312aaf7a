// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

extension LogKey {
    /// The broker's address.
    static let address = "eventbus.rabbit.address"
    /// What a connection is for.
    static let purpose = "eventbus.rabbit.purpose"
}
