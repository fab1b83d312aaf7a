// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

extension PostgresConfiguration {
    /// Looks whether the files of `sslrootcert`, `sslcert`, `sslkey` and `sslcrl` can be read, so that a program can refuse to start when not.
    ///
    /// libpq reads them again for every connection.
    ///
    /// - Throws: `PostgresConfigurationError` that names the parameter, but not its value.
    package func checkFiles() throws(PostgresConfigurationError) {
        for key in ["sslcert", "sslcrl", "sslkey", "sslrootcert"] {
            guard let path = self.parameters[key] else { continue }
            // A word of its own: the authorities of the system (PostgreSQL 16 manual, 34.1.2).
            if key == "sslrootcert", path == "system" { continue }
            guard access(path, R_OK) == 0 else { throw .invalid(key, "names a file that this process cannot read") }
        }
    }
}
