-- SPDX-License-Identifier: MIT
-- What the queue's settings, the hash `meta`, say to those who take and finish jobs. Read once in a transition.
--@use keys

-- 1 paused · 2 jobs active at once · 3, 4 jobs in so many ms · 5 length of the events · 6 the queue that dead jobs go to
local function read_meta(prefix)
    return call('HMGET', prefix .. 'meta', 'paused', 'concurrency', 'max', 'duration', 'opts.maxLenEvents',
                'oxq.deadQueue')
end

-- How long the stream of events may be; the default is written down, because other clients read it there.
local function events_max_of(prefix, meta)
    if not meta[5] then
        call('HSET', prefix .. 'meta', 'opts.maxLenEvents', 10000)
        meta[5] = 10000
    end
    return meta[5]
end

-- How many more jobs may be active.
local function count_room(prefix, meta)
    if meta[1] then return 0 end
    if not meta[2] then return math.huge end
    return tonumber(meta[2]) - call('LLEN', prefix .. 'active')
end
