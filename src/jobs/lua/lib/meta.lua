-- SPDX-License-Identifier: MIT
-- What the queue's settings, the hash `meta`, say to those who take and finish jobs. Read once in a transition.
--@use count

-- 1 paused · 2 jobs active at once · 3, 4 jobs in so many ms · 5 length of the events · 6 the queue that dead jobs go to
-- ask: try, where nothing may fail any more, or all is to go on without them.
local function read_meta(prefix, ask)
    return (ask or call)('HMGET', prefix .. 'meta', 'paused', 'concurrency', 'max', 'duration', 'opts.maxLenEvents', 'oxq.deadQueue')
end

-- 10,000 when nobody has said otherwise; that is written down, because other clients read it there.
local function events_max_of(prefix, meta)
    local max = string.match(meta[5] or '', '^0*(%d+)$')
    if not max or #max > 18 then
        max = '10000'
        try('HSET', prefix .. 'meta', 'opts.maxLenEvents', max)
    end
    meta[5] = max
    return max
end

local function get_events_max(prefix)
    return events_max_of(prefix, read_meta(prefix, try))
end

-- How many more jobs may be active.
local function count_room(prefix, meta)
    if meta[1] then return 0 end
    local max = number(meta[2])
    return max and max - size_of('LLEN', prefix .. 'active') or math.huge
end
