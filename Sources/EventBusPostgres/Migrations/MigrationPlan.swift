// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Crypto
import EventBus
import EventBusPersistence

/// The migrations that have to be applied, derived without I/O from the known and the applied ones.
struct MigrationPlan: Sendable {
    struct Applied: Sendable, Hashable {
        let version: Int
        let checksum: String
    }

    let pending: [Migration]

    /// Applied versions above all known ones are ignored: they belong to a newer release that runs at the same time.
    init(known: [Migration], applied: [Applied]) throws(RepositoryError) {
        let known = try Self.ordered(known)
        let checksums = Dictionary(applied.map { ($0.version, $0.checksum) }) { first, _ in first }
        let newest = applied.map(\.version).max() ?? 0
        var pending: [Migration] = []
        for migration in known {
            guard let checksum = checksums[migration.version] else {
                guard migration.version > newest else {
                    throw RepositoryError(
                        .migration,
                        "migration \(migration.version) comes too late: \(newest) has been applied already"
                    )
                }
                pending.append(migration)
                continue
            }
            guard checksum == Self.checksum(migration) else {
                throw RepositoryError(.migration, "migration \(migration.version) was changed after it was applied")
            }
        }
        let versions = Set(known.map(\.version))
        let last = known.last?.version ?? 0
        if let unknown = applied.map(\.version).filter({ $0 <= last && !versions.contains($0) }).min() {
            throw RepositoryError(.migration, "migration \(unknown) has been applied but is not known")
        }
        self.pending = pending
    }

    static func ordered(_ migrations: [Migration]) throws(RepositoryError) -> [Migration] {
        let ordered = migrations.sorted { $0.version < $1.version }
        for (index, migration) in ordered.enumerated() {
            guard migration.version > 0 else {
                throw RepositoryError(.migration, "migration version \(migration.version): must be positive")
            }
            guard index == 0 || ordered[index - 1].version != migration.version else {
                throw RepositoryError(.migration, "migration version \(migration.version): occurs twice")
            }
        }
        return ordered
    }

    /// SHA-256 of the SQL text, in lower-case hexadecimal.
    static func checksum(_ migration: Migration) -> String {
        SHA256.hash(data: Array(migration.sql.utf8)).hexadecimal
    }
}
