-- SPDX-License-Identifier: MIT
-- The stream `events`, which QueueEvents reads. It is cut to about `opts.maxLenEvents` of the queue's meta, 10,000 when nobody has said
-- otherwise; that default is written down, because other clients read it there. Jobs go on where nothing can be told: in the place of the stream
-- is something else, or its last id is the last one of all.
--@use count

local function keep_events_max(prefix)
    try('HSET', prefix .. 'meta', 'opts.maxLenEvents', 10000)
    return 10000
end

local function get_events_max(prefix)
    return whole(try('HGET', prefix .. 'meta', 'opts.maxLenEvents')) or keep_events_max(prefix)
end

local function emit(prefix, ...)
    try('XADD', prefix .. 'events', '*', 'event', ...)
end

local function emit_and_trim(prefix, max, ...)
    try('XADD', prefix .. 'events', 'MAXLEN', '~', max, '*', 'event', ...)
end
