// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Foundation
import Testing

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// One of the example services as a process of its own.
struct ServiceProcess: Sendable {
    enum Kind: String, Sendable {
        case users = "user-service"
        case payments = "payment-service"
    }

    let kind: Kind
    let port: Int
    let process: RunningProcess

    /// Starts a service and runs `body`; afterwards the process is gone.
    static func with<Result>(
        _ kind: Kind,
        on servers: Servers,
        port: Int? = nil,
        settings: [String: String] = [:],
        files: [String: String]? = nil,
        _ body: (ServiceProcess) async throws -> Result
    ) async throws -> Result {
        let service = try ServiceProcess.start(kind, on: servers, port: port, settings: settings, files: files)
        do {
            let result = try await body(service)
            await service.end()
            return result
        } catch {
            await service.end()
            print("--- output of \(kind.rawValue) ---\n\(service.process.text.suffix(4000))")
            throw error
        }
    }

    /// Starts a service, on a free port if none is given.
    ///
    /// - Parameters:
    ///   - settings: further variables of its environment.
    ///   - files: the files with the two URLs, by their variables; without them the URLs themselves are in the environment.
    static func start(
        _ kind: Kind,
        on servers: Servers,
        port: Int? = nil,
        settings: [String: String] = [:],
        files: [String: String]? = nil
    ) throws -> ServiceProcess {
        let port = try port ?? FreePort.find()
        let urls = files ?? ["RABBITMQ_URL": servers.rabbitURL, "DATABASE_URL": servers.databaseURL]
        // What the tests themselves have in their environment.
        let without = files == nil ? [] : ["-u", "RABBITMQ_URL", "-u", "DATABASE_URL"]
        let output = FileManager.default.temporaryDirectory.appending(path: "\(kind.rawValue)-\(port).log")
        let process = try RunningProcess(
            without + [try Servers.require("EXAMPLES_BIN") + "/" + kind.rawValue],
            environment: [
                "HTTP_HOST": "127.0.0.1", "HTTP_PORT": "\(port)", "LOG_LEVEL": "info", "SCRYPT_COST": "10",
                // On a busy machine debug builds take long to hash.
                "SCRYPT_MAXIMUM_WAIT": "60",
            ].merging(urls) { $1 }.merging(settings) { $1 },
            output: output
        )
        return ServiceProcess(kind: kind, port: port, process: process)
    }

    /// Waits until the service says that it can do its work.
    func untilReady() async throws {
        try await eventually(within: .seconds(60), "\(self.kind.rawValue) to be ready") {
            guard !self.process.hasEnded else { throw Command.Failed(description: self.process.text) }
            return try await self.get("/readyz").status == 200
        }
    }

    /// Asks the process to end and returns its exit status.
    func terminate() async -> Int32 {
        self.process.signal(SIGTERM)
        return await self.process.exitStatus()
    }

    /// Ends the process at once.
    func end() async {
        self.process.signal(SIGKILL)
        _ = await self.process.exitStatus()
        try? FileManager.default.removeItem(at: self.process.output)
    }

    func get(_ path: String, token: String? = nil) async throws -> HTTPAnswer {
        var request = self.request(path)
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        return try await HTTPAnswer.of(request)
    }

    func register(_ username: String, key: String? = nil) async throws -> HTTPAnswer {
        let body = ["username": username, "email": "\(username)@example.org", "password": "correct horse"]
        return try await self.post("/api/users/register/", body, key: key)
    }

    func logIn(_ username: String, _ password: String = "correct horse") async throws -> HTTPAnswer {
        try await self.post("/api/users/login/", ["username": username, "password": password])
    }

    private func post(_ path: String, _ body: [String: String], key: String? = nil) async throws -> HTTPAnswer {
        var request = self.request(path)
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        if let key { request.setValue(key, forHTTPHeaderField: "Idempotency-Key") }
        request.httpBody = try JSONEncoder().encode(body)
        return try await HTTPAnswer.of(request)
    }

    private func request(_ path: String) -> URLRequest {
        var request = URLRequest(url: URL(string: "http://127.0.0.1:\(self.port)\(path)") ?? URL(filePath: "/"))
        request.timeoutInterval = 30
        return request
    }
}

/// What a server answered.
struct HTTPAnswer: Sendable {
    let status: Int
    let body: Data

    /// A text of the JSON object in the body.
    func text(_ key: String) throws -> String {
        let object = try JSONSerialization.jsonObject(with: self.body) as? [String: Any]
        return try #require(object?[key] as? String)
    }

    fileprivate static func of(_ request: URLRequest) async throws -> HTTPAnswer {
        let (body, response) = try await Self.session.data(for: request)
        return HTTPAnswer(status: try #require(response as? HTTPURLResponse).statusCode, body: body)
    }

    private static let session: URLSession = {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpMaximumConnectionsPerHost = 32
        return URLSession(configuration: configuration)
    }()
}

/// Finds a port that nobody listens on.
enum FreePort {
    static func find() throws -> Int {
        #if canImport(Glibc)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0 && getsockname(descriptor, generic, &length) == 0
            }
        }
        try #require(isBound, "no free port")
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
