// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import Synchronization

/// The subscriptions of the application whose tool has these commands.
///
/// An application tells them before its tool runs, and its `topology` commands compare the broker with them:
///
/// ```swift
/// CodeSubscriptions.use([try Subscription("accounts", patterns: ["payment.made"])])
/// await Shop.main()
/// ```
///
/// The stand-alone `eventbus` reads them from the file that `topology export` of the application has written.
public enum CodeSubscriptions {
    private static let stored = Mutex<[Subscription]>([])

    /// Tells the subscriptions, as the application's consumers open them: with the topics of all handlers.
    public static func use(_ subscriptions: [Subscription]) {
        self.stored.withLock { $0 = subscriptions }
    }

    /// What the application has told.
    static var all: [Subscription] { self.stored.withLock { $0 } }
}
