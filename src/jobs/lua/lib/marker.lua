-- SPDX-License-Identifier: MIT
-- The sorted set `marker`, on which idle workers wait with BZPOPMIN. Member `0` with score 0: there is a job to take now. Member `1`
-- with a time in ms as score: the next delayed job is due then. Workers that wait at something else are told so by the server.
--@use meta

-- Whether workers may take no job: the queue is paused, or as many are active as its global concurrency allows.
local function is_closed(prefix)
    local meta = try('HMGET', prefix .. 'meta', 'paused', 'concurrency')
    return count_room(prefix, meta) <= 0
end

local function wake_workers(prefix)
    try('ZADD', prefix .. 'marker', 0, '0')
end

-- Workers come back when the first delayed job is due.
local function mark_delayed(prefix)
    local first = try('ZRANGE', prefix .. 'delayed', 0, 0, 'WITHSCORES')
    if first[2] then try('ZADD', prefix .. 'marker', first[2] / 0x1000, '1') end
end
