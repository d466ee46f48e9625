-- SPDX-License-Identifier: MIT
-- The sorted set `marker`, on which idle workers wait with BZPOPMIN. Member `0` with score 0: there is a job to take now. Member `1`
-- with a time in ms as score: the next delayed job is due then.
--@use keys

-- Whether workers may take no job: the queue is paused, or as many are active as its global concurrency allows.
local function is_closed(prefix)
    local meta = call('HMGET', prefix .. 'meta', 'paused', 'concurrency')
    if meta[1] then return true end
    return meta[2] and call('LLEN', prefix .. 'active') >= tonumber(meta[2])
end

local function wake_workers(prefix)
    call('ZADD', prefix .. 'marker', 0, '0')
end

-- Workers come back when the first delayed job is due.
local function mark_delayed(prefix)
    local first = call('ZRANGE', prefix .. 'delayed', 0, 0, 'WITHSCORES')
    if first[2] then call('ZADD', prefix .. 'marker', first[2] / 0x1000, '1') end
end
