// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The types that this package uses, with their object ids (pg_type.dat, the same in all versions).
enum PostgresType: Sendable, Hashable {
    case bool, bytea, int4, int8, float8, text, timestamptz, uuid
    case boolArray, byteaArray, int4Array, int8Array, float8Array, textArray, timestamptzArray, uuidArray

    var oid: UInt32 {
        switch self {
        case .bool: 16
        case .bytea: 17
        case .int8: 20
        case .int4: 23
        case .text: 25
        case .float8: 701
        case .timestamptz: 1184
        case .uuid: 2950
        case .boolArray: 1000
        case .byteaArray: 1001
        case .int4Array: 1007
        case .textArray: 1009
        case .int8Array: 1016
        case .float8Array: 1022
        case .timestamptzArray: 1185
        case .uuidArray: 2951
        }
    }

    /// The type of an array with elements of this type; the type itself if it is an array.
    var array: PostgresType {
        switch self {
        case .bool, .boolArray: .boolArray
        case .bytea, .byteaArray: .byteaArray
        case .int4, .int4Array: .int4Array
        case .int8, .int8Array: .int8Array
        case .float8, .float8Array: .float8Array
        case .text, .textArray: .textArray
        case .timestamptz, .timestamptzArray: .timestamptzArray
        case .uuid, .uuidArray: .uuidArray
        }
    }

    /// The type of this array's elements; the type itself if it is no array.
    var element: PostgresType {
        switch self {
        case .bool, .boolArray: .bool
        case .bytea, .byteaArray: .bytea
        case .int4, .int4Array: .int4
        case .int8, .int8Array: .int8
        case .float8, .float8Array: .float8
        case .text, .textArray: .text
        case .timestamptz, .timestamptzArray: .timestamptz
        case .uuid, .uuidArray: .uuid
        }
    }

    /// 2000-01-01T00:00:00Z, the epoch of Postgres' times, in microseconds since 1970.
    static let epoch: Int64 = 946_684_800_000_000
}
