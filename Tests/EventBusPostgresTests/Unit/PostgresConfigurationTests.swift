// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence
import Testing

@testable import EventBusPostgres

@Suite struct PostgresConfigurationTests {
    @Test func aFullURLIsReadPartByPart() throws {
        let url =
            "postgresql://us%20er:p%40ss%3Aw%2Frd@[::1]:5433/da%74a?sslmode=verify-full&sslrootcert=%2Fca.crt&connect_timeout=7"
        let configuration = try PostgresConfiguration(url: url)
        #expect(configuration.hosts.map(\.description) == ["[::1]:5433"])
        #expect(configuration.user == "us er")
        #expect(configuration.password == "p@ss:w/rd")
        #expect(configuration.database == "data")
        #expect(configuration.connectTimeout == .seconds(7))
        #expect(configuration.parameters == ["sslmode": "verify-full", "sslrootcert": "/ca.crt"])
    }

    @Test func portAndPasswordMayBeLeftOut() throws {
        let configuration = try PostgresConfiguration(url: "postgres://user@localhost/app")
        #expect(configuration.hosts.map(\.description) == ["localhost:5432"])
        #expect(configuration.targetSession == .any)
        #expect(configuration.password == nil)
    }

    @Test func aSocketDirectoryReplacesTheHost() throws {
        let configuration = try PostgresConfiguration(url: "postgres://user@/app?host=/run/postgresql")
        #expect(configuration.hosts.map(\.name) == ["/run/postgresql"])
        #expect(configuration.hosts.allSatisfy { $0.isSocketDirectory })
    }

    @Test func ofSeveralHostsTheOneThatAcceptsWritesIsTheDefault() throws {
        let configuration = try PostgresConfiguration(url: "postgres://user@a,b:5433,[::1]:1/app?sslmode=disable")
        #expect(configuration.hosts.map(\.description) == ["a:5432", "b:5433", "[::1]:1"])
        #expect(configuration.targetSession == .readWrite)
        #expect("\(configuration)" == "PostgresConfiguration(a:5432,b:5433,[::1]:1/app)")
    }

    @Test(arguments: PostgresConfiguration.TargetSession.allCases)
    func theKindOfServerHasTheNamesOfLibpq(session: PostgresConfiguration.TargetSession) throws {
        let url = "postgres://user@a,b/app?sslmode=disable&target_session_attrs=\(session.rawValue)"
        #expect(try PostgresConfiguration(url: url).targetSession == session)
    }

    @Test(arguments: [
        ("http://user:secret@db/app", PostgresConfigurationError.Code.unsupportedScheme, "scheme"),
        ("user:secret@db/app", .unsupportedScheme, "scheme"),
        ("postgres://user:secret@db", .missingPart, "database"),
        ("postgres://user:secret@db/", .missingPart, "database"),
        ("postgres://db/app", .missingPart, "user"),
        ("postgres://:secret@db/app", .missingPart, "user"),
        ("postgres://user:secret@/app", .missingPart, "host"),
        ("postgres://user:secret@/app?host=db", .invalidPart, "host"),
        ("postgres://user:secret@db/app?host=/run", .invalidPart, "host"),
        ("postgres://user:secret@a,/app", .missingPart, "host"),
        ("postgres://user:secret@a%2Cb/app", .invalidPart, "host"),
        ("postgres://user:secret@a,b:0/app", .invalidPart, "port"),
        ("postgres://user:secret@a,b/app?host=/run", .invalidPart, "host"),
        ("postgres://user:secret@a/app?target_session_attrs=master", .invalidPart, "target_session_attrs"),
        ("postgres://user:secret@[::1/app", .invalidPart, "host"),
        ("postgres://user:secret@db:/app", .invalidPart, "port"),
        ("postgres://user:secret@db:0/app", .invalidPart, "port"),
        ("postgres://user:secret@db:65536/app", .invalidPart, "port"),
        ("postgres://user:secret%2@db/app", .invalidPart, "password"),
        ("postgres://user:secret%00@db/app", .invalidPart, "password"),
        ("postgres://user:secret%FF@db/app", .invalidPart, "password"),
        ("postgres://us%zzer:secret@db/app", .invalidPart, "user"),
        ("postgres://user:secret@db/app#part", .invalidPart, "fragment"),
        ("postgres://user:secret@db/app?sslmode", .invalidPart, "sslmode"),
        ("postgres://user:secret@db/app?sslmode=on", .invalidPart, "sslmode"),
        ("postgres://user:secret@db/app?sslmode=require&sslmode=require", .repeatedParameter, "sslmode"),
        ("postgres://user:secret@db/app", .missingPart, "sslmode"),
        ("postgres://user:secret@localhost,db/app", .missingPart, "sslmode"),
        ("postgres://user:secret@127.0.0.1.example/app", .missingPart, "sslmode"),
        ("postgres://user:secret@127.example.0.1/app", .missingPart, "sslmode"),
        ("postgres://user:secret@10.0.0.1/app", .missingPart, "sslmode"),
        ("postgres://user:secret@[::2]/app", .missingPart, "sslmode"),
        ("postgres://user:secret@db/app?connect_timeout=0", .invalidPart, "connect_timeout"),
        ("postgres://user:secret@db/app?password=secret", .unknownParameter, "password"),
        ("postgres://user:secret@db/app?Se-secret=1", .unknownParameter, "query"),
        ("postgres://user:secret@db/app?secret", .unknownParameter, "query"),
    ])
    func anInvalidURLNamesThePartAndNeverThePassword(
        url: String,
        code: PostgresConfigurationError.Code,
        part: String
    ) {
        let error = #expect(throws: PostgresConfigurationError.self) { try PostgresConfiguration(url: url) }
        #expect(error?.code == code)
        #expect(error?.part == part)
        #expect(error.map { "\($0)".contains("secret") } == false)
    }

    @Test(arguments: ["localhost", "LOCALHOST", "127.0.0.1", "127.255.0.9", "[::1]", "127.0.0.1,localhost:5433"])
    func onThisMachineNothingHasToBeSaidAboutTLS(hosts: String) throws {
        #expect(try PostgresConfiguration(url: "postgres://user@\(hosts)/app").parameters == [:])
    }

    @Test(arguments: ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
    func elsewhereTheURLSaysWhetherPlainTextIsAllowed(mode: String) throws {
        let url = "postgres://user@db/app"
        let error = #expect(throws: PostgresConfigurationError.self) { try PostgresConfiguration(url: url) }
        #expect(
            error?.description == "Postgres URL: sslmode is missing: a host is not this machine: say verify-full with "
                + "sslrootcert, or disable in a network that is trusted"
        )
        #expect(try PostgresConfiguration(url: "\(url)?sslmode=\(mode)").parameters == ["sslmode": mode])
    }

    @Test(arguments: ["sslcert", "sslcrl", "sslkey", "sslrootcert"])
    func aFileThatCannotBeReadIsReportedWithoutItsName(key: String) throws {
        let url = "postgres://u@h/d?sslmode=verify-full&\(key)="
        let error = #expect(throws: PostgresConfigurationError.self) {
            try PostgresConfiguration(url: url + "%2Fnowhere%2Fgeheim.pem").checkFiles()
        }
        #expect(error?.description == "Postgres URL: \(key): names a file that this process cannot read")
        try PostgresConfiguration(url: url + "%2Fdev%2Fnull").checkFiles()
        try PostgresConfiguration(url: "postgres://u@h/d?sslmode=verify-full&sslrootcert=system").checkFiles()
    }

    @Test func anInvalidPartIsReportedWithItsRule() {
        let error = #expect(throws: PostgresConfigurationError.self) {
            try PostgresConfiguration(url: "postgres://user@db:0/app")
        }
        #expect(error?.description == "Postgres URL: port: must be a number from 1 to 65535")
    }

    @Test func aLimitThatIsNotPositiveIsRejected() throws {
        var configuration = try PostgresConfiguration(url: "postgres://user@localhost/app")
        configuration.maximumConnections = 0
        let noConnections = #expect(throws: RepositoryError.self) { try PostgresStore(configuration, schema: "app") }
        #expect(noConnections?.description == "invalidConfiguration: maximumConnections is 0, must be at least 1")
        configuration.maximumConnections = 1
        configuration.lockTimeout = .zero
        let noTime = #expect(throws: RepositoryError.self) { try PostgresStore(configuration, schema: "app") }
        #expect(noTime?.message == "lockTimeout is 0.0 seconds, must be at least 1 ms")
        configuration.lockTimeout = .seconds(1)
        configuration.idleInTransactionTimeout = .microseconds(1)
        let idle = #expect(throws: RepositoryError.self) { try PostgresStore(configuration, schema: "app") }
        #expect(idle?.message == "idleInTransactionTimeout is 1e-06 seconds, must be at least 1 ms")
        configuration.idleInTransactionTimeout = .seconds(1)
        configuration.lease = .milliseconds(999)
        let lease = #expect(throws: RepositoryError.self) { try PostgresStore(configuration, schema: "app") }
        #expect(lease?.message == "lease is 0.999 seconds, must be at least 1 s")
    }

    @Test func aSessionWithALockHasALease() throws {
        var configuration = try PostgresConfiguration(url: "postgres://user@localhost/app")
        configuration.lease = .seconds(9)
        let settings = Dictionary(configuration.leaseSettings.map { ($0.name, $0.value) }) { $1 }
        for name in ["idle_session_timeout", "idle_in_transaction_session_timeout", "tcp_user_timeout"] {
            #expect(settings[name] == "9000")
        }
        #expect(settings["tcp_keepalives_idle"] == "3")
    }

    @Test func noDescriptionOfAConfigurationContainsThePassword() throws {
        let configuration = try PostgresConfiguration(url: "postgres://user:secret@localhost/app")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("secret"))
        }
    }

    @Test func anAddressGoesWithTheNameThatTheCertificateIsCheckedAgainst() throws {
        let configuration = try PostgresConfiguration(
            url:
                "postgres://user@db:7/app?sslmode=verify-full&options=-c%20jit%3Doff&keepalives_idle=1&target_session_attrs=primary"
        )
        let parameters = ConnectionParameters(configuration, settings: [("search_path", "it's")])
        let target = ConnectionTarget(host: configuration.hosts[0], address: "10.0.0.1", session: .primary)
        let keywords = Dictionary(parameters.keywords(for: target)) { first, _ in first }
        #expect(keywords["host"] == "db")
        #expect(keywords["hostaddr"] == "10.0.0.1")
        #expect(keywords["port"] == "7")
        #expect(keywords["options"] == "-c jit=off")
        #expect(keywords["target_session_attrs"] == "primary")
        #expect(keywords["keepalives_idle"] == "1")
        #expect(keywords["password"] == nil)
        #expect(parameters.setUp.contains("ARRAY['search_path']::text[], ARRAY['it''s']::text[]"))
    }

    @Test func withoutOptionsAPoolerHasNoReasonToRefuseASession() throws {
        let configuration = try PostgresConfiguration(url: "postgres://user@localhost/app")
        let parameters = ConnectionParameters(configuration, settings: [("search_path", "a")])
        let target = ConnectionTarget(host: configuration.hosts[0], address: nil, session: .any)
        #expect(!parameters.keywords(for: target).contains { $0.0 == "options" })
    }
}
