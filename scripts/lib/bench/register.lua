-- SPDX-License-Identifier: Apache-2.0
-- Part of swift-event-bus.
--
-- For wrk: registers users, each with a name that nobody else has.
--
--   wrk … -s register.lua URL -- PREFIX
--
-- The last line on standard output is one line of JSON. There is no function `response`: with one, wrk would hand every
-- answer to Lua. A status of 400 or more is counted by wrk itself, and Postgres tells how many users there are.

local number = 0
local head, middle, tail

function init(arguments)
    local prefix = arguments[1]
    local before, between = '{"username":"', '","email":"'
    local after = '@example.org","password":"correct horse battery"}'
    local length = #before + #between + #after + 2 * (#prefix + 9)
    head = "POST /api/users/register/ HTTP/1.1\r\nHost: " .. wrk.host .. "\r\nContent-Type: application/json\r\n"
        .. "Content-Length: " .. length .. "\r\n\r\n" .. before .. prefix
    middle = between .. prefix
    tail = after
end

function request()
    number = number + 1
    local name = string.format("%09d", number)
    return head .. name .. middle .. name .. tail
end

function done(summary, latency)
    local errors = summary.errors
    local form = '{"requests":%d,"refused":%d,"broken":%d,"seconds":%.6f,"p50":%d,"p99":%d,"max":%d}\n'
    io.write(string.format(form, summary.requests, errors.status, errors.connect + errors.read + errors.write
        + errors.timeout, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), latency.max))
end
