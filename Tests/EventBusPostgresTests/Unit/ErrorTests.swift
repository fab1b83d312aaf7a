// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusPersistence
import Testing

@testable import EventBusPostgres

/// How errors of the server and of connections are classified.
@Suite struct ErrorTests {
    @Test(arguments: [
        ("23505", RepositoryError.Code.conflict),
        // Contention.
        ("40001", .serialization), ("40P01", .serialization), ("55P03", .locked),
        // The server is slow.
        ("57014", .timedOut),
        // The server is away.
        ("08006", .unavailable), ("08001", .unavailable), ("53100", .unavailable), ("53200", .unavailable),
        ("53300", .unavailable), ("57P01", .unavailable), ("57P02", .unavailable), ("57P03", .unavailable),
        ("58000", .unavailable), ("58030", .unavailable), ("58P01", .unavailable), ("25006", .unavailable),
        // The message or the program is at fault.
        ("22021", .invalidValue), ("22003", .invalidValue), ("42P01", .schemaMismatch), ("42703", .schemaMismatch),
        ("23502", .schemaMismatch), ("23503", .database), ("23514", .database), ("22012", .database),
        ("42501", .database), ("25P02", .database), ("25P03", .database), ("25P04", .database), ("P0001", .database),
        ("XX000", .database),
    ])
    func eachSQLStateIsConvertedToACode(state: String, code: RepositoryError.Code) {
        let failure = ServerFailure(state: SQLState(state))
        #expect(RepositoryError(failure, of: nil).code == code)
        #expect(RepositoryError(.reported(failure), isCommit: false).code == code)
        // Of a commit that was sent, only an error that is not about the session tells the outcome.
        let isUnknown = code == .unavailable
        #expect(RepositoryError(.reported(failure), isCommit: true).code == (isUnknown ? .commitUnknown : code))
        #expect(
            RepositoryError(failure, of: nil).isTransient
                == [.serialization, .timedOut, .unavailable, .locked].contains(code)
        )
    }

    @Test func aLoginOrARightThatWasRefusedIsKnownAsSuch() {
        for (state, isRefusal) in [
            ("28000", true), ("28P01", true), ("42501", true), ("42P01", false), ("08006", false),
        ] {
            let failure = ServerFailure(state: SQLState(state))
            #expect(RepositoryError(failure, of: nil).isRefusal == isRefusal)
            #expect(RepositoryError(PostgresError(.unavailable, state: failure.state)).isRefusal == isRefusal)
        }
        #expect(!RepositoryError(.database, "").isRefusal)
    }

    private static let outdated: [(String, String?, RepositoryError.Code)] = [
        ("0A000", "RevalidateCachedQuery", .serialization), ("0A000", nil, .serialization),
        ("0A000", "exec_stmt_raise", .database), ("0A000", "transformStmt", .database),
        ("26000", "FetchPreparedStatement", .serialization), ("26000", nil, .serialization),
        ("26000", "exec_stmt_raise", .database), ("42P18", "RevalidateCachedQuery", .schemaMismatch),
    ]

    @Test(arguments: Self.outdated)
    func onlyTheServersOwnCheckOfAPlanMeansThatAStatementIsOutdated(
        state: String,
        routine: String?,
        code: RepositoryError.Code
    ) {
        let failure = ServerFailure(state: SQLState(state), routine: routine)
        #expect(RepositoryError(failure, of: nil).code == code)
        #expect(failure.invalidatesPreparedStatement == (code == .serialization))
    }

    @Test(arguments: [
        (SessionLoss.silent, RepositoryError.Code.unavailable), (.noAnswer, .timedOut),
    ])
    func aLostSessionIsAwayOrSlow(loss: SessionLoss, code: RepositoryError.Code) {
        #expect(RepositoryError(loss, isCommit: false).code == code)
        #expect(RepositoryError(loss, isCommit: true).code == .commitUnknown)
    }

    @Test(arguments: [
        (PostgresError.Code.unavailable, RepositoryError.Code.unavailable), (.connectionLost, .unavailable),
        (.closed, .unavailable), (.cancelled, .unavailable), (.waitTimedOut, .timedOut), (.noAnswer, .timedOut),
        (.invalidValue, .invalidValue), (.unexpectedData, .schemaMismatch),
    ])
    func eachErrorOfAConnectionIsConvertedToACode(error: PostgresError.Code, code: RepositoryError.Code) {
        #expect(RepositoryError(PostgresError(error)).code == code)
    }

    @Test func textsNameTheSettingThatHasEndedAStatement() {
        func text(_ state: String) -> String {
            RepositoryError(ServerFailure(state: SQLState(state)), of: nil).message
        }
        #expect(text("25P03").contains("idle for longer than idleInTransactionTimeout (25P03)"))
        #expect(text("57014").contains("statementTimeout"))
        #expect(text("55P03").contains("55P03"))
    }
}
