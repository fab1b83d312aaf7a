// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Testing

@testable import EventBus

@Suite("Which shards an instance hands over")
struct ShardBalanceTests {
    /// Instances that share shards, each of which has a line of consumers: the first one is active.
    private struct Group {
        var lines: [[Int]]
        var balances: [Int: ShardBalance]

        init(shards: Int, lines: [[Int]]) {
            self.lines = lines
            self.balances = Dictionary(uniqueKeysWithValues: lines[0].map { ($0, ShardBalance(shards: shards)) })
        }

        var loads: [Int] { self.balances.keys.map { id in self.lines.count { $0.first == id } }.sorted() }

        /// Everyone gets something from its shards, looks, and hands over what its balance says; returns how many were handed over.
        ///
        /// - Parameter isIdle: whether nothing comes from a shard this time.
        mutating func round(in order: [Int], isIdle: () -> Bool = { false }) -> Int {
            var moves = 0
            let instances = self.balances.count
            for id in order {
                for shard in self.lines.indices where self.lines[shard].first == id && !isIdle() {
                    self.balances[id]?.delivered(from: shard)
                }
                let given = (self.balances[id]?.look(instances: instances) ?? []).map(\.shard)
                moves += given.count
                for shard in given {
                    self.balances[id]?.left(shard)
                    self.lines[shard].removeAll { $0 == id }
                    self.lines[shard].append(id)
                }
            }
            return moves
        }
    }

    @Test("From every start the shards get spread evenly, and then stay")
    func converges() {
        var random = SeededRandom(seed: 15)
        for instances in 1...6 {
            for shards in 2...13 {
                for start in 0..<12 {
                    let ids = Array(0..<instances)
                    let lines = (0..<shards).map { _ in start == 0 ? ids : ids.shuffled(using: &random) }
                    var group = Group(shards: shards, lines: lines)
                    var rounds = 0
                    var quiet = 0
                    while quiet < 4, rounds < 200 {
                        quiet = group.round(in: ids.shuffled(using: &random)) == 0 ? quiet + 1 : 0
                        rounds += 1
                    }
                    let share = (shards + instances - 1) / instances
                    #expect(group.loads.allSatisfy { $0 <= share }, "\(shards) shards: \(group.loads)")
                    #expect(rounds <= 2 * instances + 8, "\(instances) instances, \(shards) shards: \(rounds) rounds")
                }
            }
        }
    }

    @Test("They get spread evenly also when most shards have an event only now and then")
    func convergesWhenIdle() {
        var random = SeededRandom(seed: 16)
        for instances in 2...5 {
            for shards in [4, 9, 16] {
                let ids = Array(0..<instances)
                var group = Group(shards: shards, lines: (0..<shards).map { _ in ids.shuffled(using: &random) })
                for _ in 0..<300 {
                    _ = group.round(in: ids.shuffled(using: &random)) { Int.random(in: 0..<4, using: &random) > 0 }
                }
                let share = (shards + instances - 1) / instances
                #expect(group.loads.allSatisfy { $0 <= share }, "\(shards) shards: \(group.loads)")
            }
        }
    }

    /// What the looks decide, one after the other.
    private func looks(_ balance: inout ShardBalance, _ instances: Int...) -> [[Int]] {
        instances.map { balance.look(instances: $0).map(\.shard) }
    }

    @Test("Who is alone has all shards, also idle ones, and shares them with the next instance")
    func idleShards() {
        var balance = ShardBalance(shards: 4)
        let given = self.looks(&balance, 1, 2, 2)
        #expect(given == [[], [], [3, 2]])
    }

    @Test("An instance that comes and goes at once moves nothing")
    func hysteresis() {
        var balance = ShardBalance(shards: 4)
        let given = self.looks(&balance, 1, 2, 1, 2, 1, 2, 1, 2, 3, 3)
        #expect(given.dropLast().joined().isEmpty)
        #expect(given.last == [3, 2])
    }

    @Test("No more is handed over than what is beyond the share, the latest first")
    func share() {
        var balance = ShardBalance(shards: 9)
        for shard in [5, 1, 7, 2, 0, 5] { balance.delivered(from: shard) }
        let given = self.looks(&balance, 4, 4)
        #expect(given == [[], [0, 2]])
        balance.left(0)
        balance.left(2)
        let again = self.looks(&balance, 4)
        #expect(again == [[]])
        #expect(balance.active == [5, 1, 7])
    }

    @Test("A shard that could not be handed over stays for a while, and another one goes")
    func rests() {
        var balance = ShardBalance(shards: 2)
        let first = self.looks(&balance, 1, 2, 2)
        #expect(first == [[], [], [1]])
        balance.stayed(1)
        let second = self.looks(&balance, 2)
        #expect(second == [[0]])
        balance.stayed(0)
        for _ in 0..<(ShardBalance.looksToRest - 2) {
            let given = self.looks(&balance, 2)
            #expect(given == [[]])
        }
        let last = self.looks(&balance, 2)
        #expect(last == [[1]])
    }

    @Test("A shard that is being handed over is not chosen again, and no other one in its place")
    func leaving() {
        var balance = ShardBalance(shards: 4)
        let given = self.looks(&balance, 1, 2, 2, 2, 2)
        #expect(given == [[], [], [3, 2], [], []])
        balance.left(3)
        balance.lost(2)
        balance.delivered(from: 2)
        let unfinished = self.looks(&balance, 2)
        #expect(unfinished == [[]], "shard 2 was lost and has come back, and the task that hands it over has not ended")
        balance.stayed(2)
        balance.delivered(from: 3)
        let others = self.looks(&balance, 2)
        #expect(others == [[1, 0]], "shard 3 was handed over before and has come back")
    }

    @Test("A shard that could not be handed over is held for longer the next time, up to a limit")
    func patience() {
        var balance = ShardBalance(shards: 2)
        balance.delivered(from: 0)
        balance.delivered(from: 1)
        var tried: [Duration] = []
        _ = balance.look(instances: 2)
        while tried.count < 6 {
            for move in balance.look(instances: 2) {
                if move.shard == 1 { tried.append(move.patience) }
                balance.stayed(move.shard)
            }
        }
        let expected: [Duration] = [5, 10, 20, 40, 80, 80].map { .seconds($0) }
        #expect(tried == expected)
        balance.left(1)
        balance.delivered(from: 1)
        tried = []
        while tried.isEmpty {
            for move in balance.look(instances: 2) {
                if move.shard == 1 { tried.append(move.patience) }
                balance.stayed(move.shard)
            }
        }
        #expect(tried == [.seconds(5)])
    }

    @Test("What has been handed over and comes back stays for a minute, since nobody else was in line")
    func comesBack() {
        var balance = ShardBalance(shards: 2)
        let first = self.looks(&balance, 1, 2, 2)
        #expect(first == [[], [], [1]])
        balance.left(1)
        balance.delivered(from: 1)
        let second = self.looks(&balance, 2, 2, 2)
        #expect(second == [[0], [], []])
    }

    @Test("A count of no instances, which RabbitMQ gives when it cannot tell, changes nothing")
    func noInstances() {
        var balance = ShardBalance(shards: 4)
        balance.delivered(from: 0)
        let given = self.looks(&balance, 2, 0, 2, 0, 2)
        #expect(given == [[], [], [], [], []])
        #expect(balance.active == [0])
    }
}
