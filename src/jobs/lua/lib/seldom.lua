-- SPDX-License-Identifier: MIT
-- What taking jobs (lib/fetch.lua) seldom comes to.
--@use events

-- What cannot be counted up begins anew.
local function use_rate(prefix, used, duration_ms)
    local count = try('INCRBY', prefix .. 'limiter', used)
    if type(count) ~= 'number' then
        call('SET', prefix .. 'limiter', used)
        count = used
    end
    if count == used then try('PEXPIRE', prefix .. 'limiter', math.floor(math.abs(duration_ms))) end
end

-- Those from `first` on wait where they were.
local function put_back(prefix, ids, scores, first)
    for i = #ids, first, -1 do
        try('LREM', prefix .. 'active', '1', ids[i])
        if scores[i] then
            call('ZADD', prefix .. 'prioritized', scores[i], ids[i])
        else
            call('RPUSH', prefix .. 'wait', ids[i])
        end
    end
end

-- An id whose job was removed leaves without a word, one whose job is damaged is told.
local function drop_id(prefix, id, fields, reply)
    call('LREM', prefix .. 'active', '1', id)
    if not fields.err then return end
    --@use damage
    local n, kind = #reply, tell_damaged(prefix, id)
    reply[n + 1], reply[n + 2], reply[n + 3] = id, 0, kind
end
