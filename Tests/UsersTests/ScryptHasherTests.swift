// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import EventBusUsers
import Synchronization
import Testing

@Suite struct ScryptHasherTests {
    /// The fastest parameters.
    ///
    /// On a busy machine a hash can wait for any time.
    private static let cheap = ScryptHasher(costExponent: 1, blockSize: 1, parallelism: 1, maximumWait: .seconds(3600))

    @Test func aHashIsInPHCFormatWithItsOwnSalt() async throws {
        let hasher = ScryptHasher(costExponent: 4, blockSize: 2, parallelism: 3, maximumWait: .seconds(3600))
        let (one, two) = (try await hasher.hash("secret"), try await hasher.hash("secret"))
        // 16 bytes of salt and 32 of hash are 22 and 43 characters of Base64.
        let form = /\$scrypt\$ln=4,r=2,p=3\$[A-Za-z0-9+\/]{22}\$[A-Za-z0-9+\/]{43}/
        #expect(one.wholeMatch(of: form) != nil, "\(one)")
        #expect(two.wholeMatch(of: form) != nil, "\(two)")
        #expect(one.split(separator: "$")[2] != two.split(separator: "$")[2])
        #expect(one.split(separator: "$")[3] != two.split(separator: "$")[3])
    }

    @Test func onlyTheHashedPasswordIsVerified() async throws {
        for password in ["secret", "", "\0", "é", String(repeating: "x", count: 1024)] {
            let hash = try await Self.cheap.hash(password)
            #expect(try await Self.cheap.verify(password, against: hash))
            #expect(try await !Self.cheap.verify(password + " ", against: hash))
            #expect(try await !Self.cheap.verify("Secret", against: hash))
        }
        let composed = try await Self.cheap.hash("\u{E9}")
        #expect(try await !Self.cheap.verify("e\u{301}", against: composed), "passwords are bytes")
    }

    @Test func aHashWithOtherParametersIsVerified() async throws {
        let hash = try await ScryptHasher(costExponent: 5, blockSize: 4, parallelism: 2).hash("secret")
        #expect(try await Self.cheap.verify("secret", against: hash))
    }

    /// RFC 7914 §12; of each vector the first 32 bytes, which are equal to a hash of 32 bytes.
    @Test(arguments: [
        ("", "$scrypt$ln=4,r=1,p=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI"),
        ("password", "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI"),
        ("pleaseletmein", "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI"),
    ])
    func theTestVectorsOfTheRFC(password: String, hash: String) async throws {
        #expect(try await Self.cheap.verify(password, against: hash))
    }

    @Test(arguments: [
        // The same, more memory and more time.
        ("$scrypt$ln=4,r=4,p=2", false), ("$scrypt$ln=5,r=4,p=2", false), ("$scrypt$ln=4,r=4,p=3", false),
        // As much memory in another way.
        ("$scrypt$ln=5,r=2,p=2", false), ("$scrypt$ln=3,r=8,p=2", false),
        // Less memory, less time, and less memory for more time.
        ("$scrypt$ln=3,r=4,p=2", true), ("$scrypt$ln=4,r=4,p=1", true), ("$scrypt$ln=3,r=4,p=16", true),
    ])
    func aHashIsWeakerThatTakesLessMemoryOrLessTime(parameters: String, isWeaker: Bool) {
        let hasher = ScryptHasher(costExponent: 4, blockSize: 4, parallelism: 2)
        #expect(hasher.isWeaker("\(parameters)$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI") == isWeaker)
    }

    @Test func whatIsNoHashOfScryptIsNotWeaker() {
        #expect(!Self.cheap.isWeaker("$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA"))
        #expect(!Self.cheap.isWeaker(""))
    }

    @Test func theDefaultParametersAreAsDocumented() async throws {
        #expect(try await ScryptHasher().hash("secret").hasPrefix("$scrypt$ln=15,r=8,p=3$"))
    }

    @Test(arguments: [
        "", "secret", "$", "$$$$", "$scrypt$", "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA",
        "$scrypt$ln=4,r=1,p=1$$", "$scrypt$ln=4,r=1,p=1$$AAAA",
        "scrypt$ln=4,r=1,p=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI",
        "$scrypt$ln=4,r=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI",
        "$scrypt$r=1,ln=4,p=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI",
        "$scrypt$ln=0,r=1,p=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI",
        "$scrypt$ln=63,r=1,p=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI",
        "$scrypt$ln=4,r=99999,p=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI",
        "$scrypt$ln=4,r=1,p=x$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI",
        "$scrypt$ln=4,r=1,p=1$!$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI",
        "$scrypt$ln=4,r=1,p=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI$",
    ])
    func textThatIsNoScryptHashIsNotVerified(text: String) async throws {
        #expect(try await !Self.cheap.verify("", against: text))
    }

    @Test func aParameterThatIsOutOfRangeTraps() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = ScryptHasher(costExponent: 21)
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("costExponent is 21, must be from 1 to 20"))
    }

    // MARK: Threads and limits

    @Test(.timeLimit(.minutes(1))) func hashingDoesNotBlockTheCallersThread() async throws {
        let stage = ManualExecutor()
        let hasher = ScryptHasher(costExponent: 12)
        let hashing = stage.start { try await hasher.hash("secret") }
        // The stage has run everything that runs on this thread, which does not include the hash.
        #expect(!hashing.hasEnded)
        await stage.end(hashing)
        #expect(try hashing.result?.get().hasPrefix("$scrypt$ln=12,") == true)
    }

    @Test(.timeLimit(.minutes(1))) func manyConcurrentCallersAllGetAHash() async throws {
        let hasher = ScryptHasher(
            costExponent: 1,
            blockSize: 1,
            parallelism: 1,
            concurrency: 1,
            maximumWait: .seconds(3600)
        )
        let hashes = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<256 { group.addTask { try await hasher.hash("secret") } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(hashes.count == 256)
    }

    @Test(.timeLimit(.minutes(1))) func callersBeyondTheLimitAreRejected() async throws {
        let stage = ManualExecutor()
        let hasher = ScryptHasher(
            costExponent: 1,
            blockSize: 1,
            parallelism: 1,
            concurrency: 1,
            maximumWait: .seconds(3600)
        )
        // No hash ends before all callers have arrived, since that would let another caller in.
        let (turn, end) = AsyncStream<Void>.makeStream()
        let first = stage.start { try await hasher.semaphore.withPermit { for await _ in turn {} } }
        let outcomes = stage.start {
            await withTaskGroup(of: String.self) { group in
                for _ in 0..<(ScryptHasher.maximumWaiting + 10) {
                    group.addTask {
                        do {
                            _ = try await hasher.hash("secret")
                            return "hashed"
                        } catch is HasherOverloaded {
                            return "overloaded"
                        } catch {
                            return "\(error)"
                        }
                    }
                }
                return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
        }
        end.finish()
        await stage.end(first)
        await stage.end(outcomes)
        #expect(try outcomes.result?.get() == ["hashed": ScryptHasher.maximumWaiting, "overloaded": 10])
        let again = stage.start { try await hasher.hash("secret") }
        await stage.end(again)
        #expect(again.error == nil, "it is only as long as others wait")
    }

    @Test(.timeLimit(.minutes(1))) func aCallerWaitsForALimitedTimeOnly() async throws {
        let stage = ManualExecutor()
        let hasher = ScryptHasher(
            costExponent: 1,
            blockSize: 1,
            parallelism: 1,
            concurrency: 1,
            maximumWait: .seconds(3),
            clock: stage.clock
        )
        let (turn, end) = AsyncStream<Void>.makeStream()
        let first = stage.start { try await hasher.semaphore.withPermit { for await _ in turn {} } }
        let hashing = stage.start { try await hasher.hash("secret") }
        let verifying = stage.start { try await hasher.verify("secret", against: Self.hash) }
        stage.advance(by: .seconds(2))
        let last = stage.start { try await hasher.hash("secret") }
        stage.advance(by: .seconds(1))
        #expect(hashing.error is HasherOverloaded)
        #expect(verifying.error is HasherOverloaded)
        #expect(!last.hasEnded)
        end.finish()
        await stage.end(first)
        await stage.end(last)
        #expect(last.error == nil)
    }

    /// Of the empty password.
    private static let hash = "$scrypt$ln=4,r=1,p=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI"

    @Test(.timeLimit(.minutes(1))) func aWaitingCallerCanBeCancelled() async throws {
        let stage = ManualExecutor()
        let hasher = ScryptHasher(costExponent: 12, concurrency: 1, maximumWait: .seconds(3600))
        // No hash ends before that, since it would let the next one in.
        let (turn, end) = AsyncStream<Void>.makeStream()
        let first = stage.start { try await hasher.semaphore.withPermit { for await _ in turn {} } }
        let waiting = stage.start { try await hasher.hash("secret") }
        let last = stage.start { try await hasher.hash("secret") }
        waiting.cancel()
        stage.settle()
        #expect(waiting.error is CancellationError)
        end.finish()
        await stage.end(first)
        await stage.end(last)
        #expect(first.error == nil)
        #expect(last.error == nil)
    }
}
