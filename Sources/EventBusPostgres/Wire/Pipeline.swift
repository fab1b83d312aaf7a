// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import DequeModule

/// Which answers are still to come, in order: libpq doesn't say which statement a result belongs to.
///
/// Without I/O.
///
/// Per statement come a result and a NULL; per Sync one result without a NULL. After an error everything up to the Sync
/// comes as aborted (PostgreSQL 15 manual, 34.5). A script (no pipeline) has any number of results, then a NULL.
struct Pipeline: Sendable {
    typealias SegmentID = Int

    enum Entry: Sendable, Hashable {
        case prepare(name: String)
        case execute
        case sync
        case script
    }

    enum Event: Sendable {
        case result(WireResult)
        /// PQgetResult gave NULL.
        case end
    }

    enum Action: Sendable {
        case none
        /// The prepared statement isn't there: forget its name.
        case forget(name: String)
        case complete(SegmentID, SegmentOutcome)
        /// Nothing to be read until more arrives.
        case wait
        /// What came makes no sense; the connection can't be used any longer.
        case poison
    }

    private struct Segment {
        let id: SegmentID
        var results: [StatementResult] = []
        var failure: (ServerFailure, index: Int)?
        var executed = 0
    }

    private var entries: Deque<Entry> = []
    private var segments: Deque<Segment> = []
    private var isHeadAnswered = false
    private var strayEnds = 0

    /// Nothing is awaited.
    var isEmpty: Bool { self.entries.isEmpty }
    /// Segments that are under way.
    var count: Int { self.segments.count }

    /// Notes what has been sent: the entries of one segment; it ends with a Sync or is one script.
    mutating func enqueue(_ entries: [Entry], as id: SegmentID) {
        self.entries.append(contentsOf: entries)
        self.segments.append(Segment(id: id))
    }

    mutating func receive(_ event: Event) -> Action {
        guard let head = self.entries.first else {
            if case .result(.failure) = event { return .none }  // a farewell such as 57P01; the broken socket follows
            return .poison
        }
        switch event {
        case .end: return self.end(head)
        case .result(let result):
            self.strayEnds = 0
            return self.receive(result, for: head)
        }
    }

    /// The connection is gone: everybody gets what is known.
    mutating func failAll() -> [(SegmentID, SegmentOutcome)] {
        defer { self = Pipeline() }
        return self.segments.map { ($0.id, .lost($0.failure?.0)) }
    }

    private mutating func receive(_ result: WireResult, for head: Entry) -> Action {
        switch (result, head) {
        case (.sync, .sync): return self.complete()
        case (.failure(let failure), .sync):
            // The implicit commit failed; the Sync itself is still to come.
            self.note(failure)
            return .none
        case (.success(let success), .script):
            self.segments[0].results.append(success)
            self.segments[0].executed += 1
            return .none
        case (.failure(let failure), .script):
            self.note(failure)
            return .none
        case (.success(let success), .execute) where !self.isHeadAnswered:
            self.segments[0].results.append(success)
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
            if case .execute = head { self.segments[0].executed += 1 }
            return .none
        }
        // One NULL too many follows an error that came outside of a statement. Two of them would go on for ever.
        self.strayEnds += 1
        return self.strayEnds > 1 ? .poison : .wait
    }

    private mutating func note(_ failure: ServerFailure) {
        guard self.segments[0].failure == nil else { return }
        self.segments[0].failure = (failure, index: self.segments[0].executed)
    }

    private func forgetting(_ head: Entry) -> Action {
        guard case .prepare(let name) = head else { return .none }
        return .forget(name: name)
    }

    private mutating func complete() -> Action {
        self.entries.removeFirst()
        self.isHeadAnswered = false
        let segment = self.segments.removeFirst()
        guard let (failure, index) = segment.failure else {
            return .complete(segment.id, .completed(segment.results))
        }
        return .complete(segment.id, .failed(failure, at: index))
    }
}
