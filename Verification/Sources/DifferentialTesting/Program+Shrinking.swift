// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension Differential.Program {
    /// Removes steps that a divergence does not need, and returns the divergence of the shortest program found.
    ///
    /// - Parameters:
    ///   - trials: the maximum number of smaller programs to try.
    ///   - divergence: runs a program, on subscriptions that no other program has used, and returns its divergence.
    /// - Returns: `nil` when the program itself does not diverge.
    package func shrunk(
        trials: Int = 100,
        _ divergence: (Differential.Program) async throws -> Differential.Divergence?
    ) async rethrows -> Differential.Divergence? {
        guard var best = try await divergence(self) else { return nil }
        var program = self
        var trials = trials
        var length = max(1, program.steps.count / 2)
        while true {
            var hasShrunk = false
            var start = 0
            while start < program.steps.count, trials > 0 {
                var smaller = program
                smaller.steps.removeSubrange(start..<min(start + length, program.steps.count))
                trials -= 1
                if let found = try await divergence(smaller) {
                    (program, best, hasShrunk) = (smaller, found, true)
                } else {
                    start += length
                }
            }
            guard trials > 0, hasShrunk || length > 1 else { return best }
            if !hasShrunk { length /= 2 }
        }
    }
}
