-- SPDX-License-Identifier: MIT
-- What the queue's settings, the hash `meta`, say to those who take and finish jobs. Read once in a transition.
--@use count events probe

-- 1 paused · 2 jobs active at once · 3, 4 jobs in so many ms · 5 length of the events · 6 the queue that dead jobs go to
local function read_meta(prefix)
    return call('HMGET', prefix .. 'meta', 'paused', 'concurrency', 'max', 'duration', 'opts.maxLenEvents',
                'oxq.deadQueue')
end

local function events_max_of(prefix, meta)
    local max = whole(meta[5]) or keep_events_max(prefix)
    meta[5] = max
    return max
end

-- Where nothing may fail any more, or all is to go on without them.
local function try_meta(prefix)
    return try('HMGET', prefix .. 'meta', 'paused', 'concurrency', 'max', 'duration', 'opts.maxLenEvents', 'oxq.deadQueue')
end

-- How many more jobs may be active.
local function count_room(prefix, meta)
    if meta[1] then return 0 end
    local max = number(meta[2])
    return max and max - size_of('LLEN', prefix .. 'active') or math.huge
end
