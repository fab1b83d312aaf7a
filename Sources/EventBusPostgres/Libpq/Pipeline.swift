// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// The answers that a connection still expects, in order: libpq does not report which statement a result belongs to.
///
/// A pure state machine. Each statement has one result and then a NULL; each Sync has one result and no NULL. After an
/// error all statements up to the Sync are reported as aborted (PostgreSQL 15 manual, 34.5). A script, which is sent
/// outside of pipeline mode, has any number of results and then a NULL.
struct Pipeline: Sendable {
    typealias SegmentID = Int

    enum Entry: Sendable, Hashable {
        case prepare(name: String)
        case execute
        case sync
        case script
    }

    enum Event: Sendable {
        case result(LibpqResult)
        /// `PQgetResult` has returned NULL.
        case end
    }

    enum Action: Sendable {
        case none
        /// The statement has not been prepared: its name must be forgotten.
        case forget(name: String)
        case complete(SegmentID, SegmentOutcome)
        /// Nothing can be read until more data arrives.
        case wait
        /// The answer is not a valid one; the connection cannot be used any longer.
        case poison
    }

    /// What has been answered of the first segment.
    private struct Answers {
        var results: [StatementResult] = []
        var failure: (ServerFailure, index: Int)?
        var executed = 0
    }

    private var entries: Deque<Entry> = []
    private var segments: Deque<SegmentID> = []
    private var answers = Answers()
    private var isHeadAnswered = false
    private var strayEnds = 0

    /// Whether no answer is due.
    var isEmpty: Bool { self.entries.isEmpty }

    /// Records the entries of a segment that has been sent.
    ///
    /// It ends with a Sync or is one script.
    mutating func enqueue(_ entries: [Entry], as id: SegmentID) {
        self.entries.append(contentsOf: entries)
        self.segments.append(id)
    }

    mutating func receive(_ event: Event) -> Action {
        guard let head = self.entries.first else {
            // Before it closes the socket the server may send an error, such as 57P01 at shutdown.
            if case .result(.failure) = event { return .none }
            return .poison
        }
        switch event {
        case .end: return self.end(head)
        case .result(let result):
            self.strayEnds = 0
            return self.receive(result, for: head)
        }
    }

    /// Ends all segments because the connection is lost, each with the error that the server has reported for it, if
    /// any.
    mutating func failAll(_ loss: SessionLoss) -> [(SegmentID, SegmentOutcome)] {
        defer { self = Pipeline() }
        return self.segments.enumerated().map { index, id in
            // What libpq itself says of a lost connection tells less than what the server may have said before.
            guard index == 0, let (failure, _) = self.answers.failure, failure.state != .connectionFailure else {
                return (id, .lost(loss))
            }
            return (id, .lost(.reported(failure)))
        }
    }

    private mutating func receive(_ result: LibpqResult, for head: Entry) -> Action {
        switch (result, head) {
        case (.sync, .sync): return self.complete()
        case (.failure(let failure), .sync):
            // The implicit commit has failed. The result of the Sync itself follows.
            self.note(failure)
            return .none
        case (.success(let success), .script):
            self.answers.results.append(success)
            self.answers.executed += 1
            return .none
        case (.failure(let failure), .script):
            self.note(failure)
            return .none
        case (.success(let success), .execute) where !self.isHeadAnswered:
            self.answers.results.append(success)
            self.isHeadAnswered = true
            return .none
        case (.success, .prepare) where !self.isHeadAnswered:
            self.isHeadAnswered = true
            return .none
        case (.failure(let failure), .execute), (.failure(let failure), .prepare):
            self.note(failure)
            self.isHeadAnswered = true
            return self.forgetting(head)
        case (.aborted, .execute), (.aborted, .prepare):
            self.isHeadAnswered = true
            return self.forgetting(head)
        default: return .poison
        }
    }

    private mutating func end(_ head: Entry) -> Action {
        if case .script = head { return self.complete() }
        if self.isHeadAnswered {
            self.isHeadAnswered = false
            self.entries.removeFirst()
            if case .execute = head { self.answers.executed += 1 }
            return .none
        }
        // An error outside of a statement, such as that of a commit, is followed by one additional NULL. What comes after it may
        // have arrived already, in which case the socket stays silent. If it has not, PQgetResult returns NULL until it does.
        self.strayEnds += 1
        return self.strayEnds == 1 ? .none : .wait
    }

    private mutating func note(_ failure: ServerFailure) {
        guard self.answers.failure == nil else { return }
        self.answers.failure = (failure, index: self.answers.executed)
    }

    private func forgetting(_ head: Entry) -> Action {
        guard case .prepare(let name) = head else { return .none }
        return .forget(name: name)
    }

    private mutating func complete() -> Action {
        self.entries.removeFirst()
        self.isHeadAnswered = false
        let (id, answers) = (self.segments.removeFirst(), self.answers)
        self.answers = Answers()
        guard let (failure, index) = answers.failure else { return .complete(id, .completed(answers.results[...])) }
        return .complete(id, .failed(failure, at: index))
    }
}
