// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DifferentialTesting
import EventBusRabbit
import Foundation
import Synchronization

/// Compares the in-process bus with RabbitMQ; started by `scripts/differential`.
@main
enum Main {
    static func main() async {
        do {
            try await Self.run()
        } catch {
            FileHandle.standardError.write(Data("differential: \(error)\n".utf8))
            exit(2)
        }
    }

    private static func run() async throws {
        let arguments = try Arguments(Array(CommandLine.arguments.dropFirst()))
        guard let url = ProcessInfo.processInfo.environment["RABBITMQ_URL"] else {
            throw Arguments.Wrong(description: "RABBITMQ_URL is not set")
        }
        let pool = Pool(try RabbitConfiguration(url: url))
        let tally = Tally(arguments)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<min(arguments.workers, arguments.programs) {
                group.addTask { try await Self.work(tally, pool) }
            }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: .seconds(3))
                    if !Task.isCancelled { say(tally.progress) }
                }
            }
            for _ in 0..<min(arguments.workers, arguments.programs) { try await group.next() }
            group.cancelAll()
        }
        say(tally.progress)
        try await Self.shorten(tally, pool)
        Self.end(tally)
    }

    /// Runs programs until there are no more.
    private static func work(_ tally: Tally, _ pool: Pool) async throws {
        var harness = try pool.harness()
        while let seed = tally.nextSeed() {
            do {
                var repeats = 0
                while true {
                    do {
                        try await Differential.Program(seed: seed).run(on: harness)
                        break
                    } catch let slow as Differential.TooSlow {
                        // A bus whose retries come too early looks the same.
                        repeats += 1
                        guard repeats < 10 else {
                            say("program \(seed) was too slow ten times")
                            throw slow
                        }
                        tally.repeated()
                        await harness.end()
                        harness = try pool.harness()
                    }
                }
                tally.ended(nil)
            } catch let divergence as Differential.Divergence {
                tally.ended(divergence)
                say("\n\(divergence)\n")
                // Waiting for the programs still running would take a while.
                if tally.isStopped { Self.end(tally) }
                await harness.end()
                harness = try pool.harness()
            }
        }
        await harness.end()
    }

    private static func end(_ tally: Tally) -> Never {
        let seeds = tally.divergences.map(\.seed).sorted().map(String.init)
        if !seeds.isEmpty { say("seeds that diverge: \(seeds.joined(separator: " "))") }
        say(tally.summary)
        exit(seeds.isEmpty ? 0 : 1)
    }

    /// Prints the first program that diverges, as short as possible.
    private static func shorten(_ tally: Tally, _ pool: Pool) async throws {
        guard let first = tally.divergences.min(by: { $0.seed < $1.seed }) else { return }
        say("looking for a shorter program than that of seed \(first.seed) …")
        var harness = try pool.harness()
        let shrunk = try await Differential.Program(seed: first.seed).shrunk { program in
            do {
                try await program.run(on: harness, patience: .seconds(5))
                return nil
            } catch {
                guard error is Differential.Divergence || error is Differential.TooSlow else { throw error }
                await harness.end()
                harness = try pool.harness()
                return error as? Differential.Divergence
            }
        }
        await harness.end()
        if let shrunk { say("\n\(shrunk)\n") } else { say("run again it does not diverge") }
    }
}

/// Creates harnesses with fresh subscriptions.
final class Pool: Sendable {
    private let configuration: RabbitConfiguration
    private let run = String(UInt32.random(in: .min ... .max), radix: 36)
    private let last = Atomic(0)

    init(_ configuration: RabbitConfiguration) { self.configuration = configuration }

    func harness() throws -> RabbitHarness {
        let number = self.last.add(1, ordering: .relaxed).newValue
        return try RabbitHarness(self.configuration, name: "\(self.run)-\(number)")
    }
}

/// Prints without buffering, even into a pipe.
private func say(_ text: String) {
    FileHandle.standardOutput.write(Data((text + "\n").utf8))
}
