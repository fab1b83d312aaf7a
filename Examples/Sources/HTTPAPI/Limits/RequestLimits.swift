// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// How often registrations and logins may be tried, together: by one client, and for one name.
///
/// ## Configuration keys
/// - `LIMIT_PER_CLIENT` (like `20/60` for 20 in 60 seconds, optional): for each address, or network of IPv6.
/// - `LIMIT_PER_NAME` (like `10/600`, optional): for each user name or e-mail address, whoever tries. Somebody can use it to keep
///   another person from logging in.
/// - `TRUSTED_PROXY_HEADER` (a field name, optional): where a proxy in front writes its client's address at the end of a list,
///   for example `X-Forwarded-For`. Without a proxy that does, everybody could choose an address.
public final class RequestLimits: Sendable {
    private struct State: Sendable {
        var clients: RateLimiter<ClientAddress>?
        var names: RateLimiter<String>?
    }

    private let state: Mutex<State>
    private let proxyHeader: HTTPField.Name?
    private let now: @Sendable () -> Duration

    /// Reads the configuration keys above; `nil` when nothing is limited.
    ///
    /// - Throws: ``ConfigurationError``.
    public convenience init?(_ settings: Settings) throws(ConfigurationError) {
        func limit(_ variable: String) throws(ConfigurationError) -> RateLimit? {
            let expected = "a number of attempts and of seconds like 20/60, up to 100000/86400"
            return try settings.value(variable, default: nil, expected: expected) { text in
                RateLimit(text).map { .some($0) }
            }
        }
        let header: HTTPField.Name? = try settings.value(
            "TRUSTED_PROXY_HEADER",
            default: nil,
            expected: "the name of a field with addresses, like X-Forwarded-For and unlike Forwarded"
        ) { text in
            // Its values are no addresses (RFC 7239 §4): all clients would have that of the proxy.
            HTTPField.Name(text).flatMap { $0.canonicalName == "forwarded" ? nil : .some($0) }
        }
        let (client, name) = (try limit("LIMIT_PER_CLIENT"), try limit("LIMIT_PER_NAME"))
        guard client != nil || name != nil else { return nil }
        self.init(perClient: client, perName: name, proxyHeader: header, clock: .continuous)
    }

    init<C: Clock<Duration>>(
        perClient: RateLimit? = nil,
        perName: RateLimit? = nil,
        proxyHeader: HTTPField.Name? = nil,
        clock: C
    ) {
        let start = clock.now
        self.state = Mutex(State(clients: perClient.map { RateLimiter($0) }, names: perName.map { RateLimiter($0) }))
        self.proxyHeader = proxyHeader
        self.now = { start.duration(to: clock.now) }
    }

    /// Counts a request of a client.
    ///
    /// - Throws: ``Problem`` with status 429.
    func admit(_ request: Request) throws(Problem) {
        guard let client = self.client(of: request) else { return }
        let now = self.now()
        try self.check(self.state.withLock { $0.clients?.wait(for: client, at: now) })
    }

    /// Counts an attempt for a name, in any letter case.
    ///
    /// - Throws: ``Problem`` with status 429.
    func admit(name: String) throws(Problem) {
        // Longer ones are nobody's, and count as one.
        let key = name.utf8.count <= 254 ? name.lowercased() : ""
        let now = self.now()
        try self.check(self.state.withLock { $0.names?.wait(for: key, at: now) })
    }

    private func check(_ wait: Duration?) throws(Problem) {
        guard let (seconds, rest) = wait?.components else { return }
        throw Problem(
            .tooManyRequests,
            "There were too many attempts.",
            headers: [.retryAfter: "\(rest > 0 ? seconds + 1 : seconds)"]
        )
    }

    /// The address that the proxy saw, which is the last one: those before it are the client's to choose.
    private func client(of request: Request) -> ClientAddress? {
        if let header = self.proxyHeader, let list = request.headers[values: header].last,
            let last = list.split(separator: ",", omittingEmptySubsequences: false).last,
            let address = ClientAddress(last.filter { $0 != " " && $0 != "\t" && $0 != "\"" })
        {
            return address
        }
        return ClientAddress.peer.flatMap { ClientAddress($0) }
    }
}
