// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A type of Postgres, by its object id and that of its array (pg_type.dat, the same in all versions).
struct PostgresType: Sendable, Hashable {
    static var bool: Self { Self(oid: 16, arrayOID: 1000) }
    static var bytea: Self { Self(oid: 17, arrayOID: 1001) }
    static var int8: Self { Self(oid: 20, arrayOID: 1016) }
    static var int4: Self { Self(oid: 23, arrayOID: 1007) }
    static var text: Self { Self(oid: 25, arrayOID: 1009) }
    static var float8: Self { Self(oid: 701, arrayOID: 1022) }
    static var timestamptz: Self { Self(oid: 1184, arrayOID: 1185) }
    static var uuid: Self { Self(oid: 2950, arrayOID: 2951) }

    /// 2000-01-01T00:00:00Z, the epoch of Postgres' times, in microseconds since 1970.
    static let epoch: Int64 = 946_684_800_000_000

    let oid: UInt32
    private let arrayOID: UInt32

    /// The type of an array of this type; an array has no array type.
    var array: PostgresType { Self(oid: self.arrayOID, arrayOID: 0) }
}
