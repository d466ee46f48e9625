-- SPDX-License-Identifier: MIT
-- The stream `events`, which QueueEvents reads. It is cut to about `opts.maxLenEvents` of the queue's meta, 10,000 when nobody has said
-- otherwise; that default is written down, because other clients read it there.
--@use keys

local function get_events_max(prefix)
    local max = call('HGET', prefix .. 'meta', 'opts.maxLenEvents')
    if max then return max end
    call('HSET', prefix .. 'meta', 'opts.maxLenEvents', 10000)
    return 10000
end

local function emit(prefix, ...)
    call('XADD', prefix .. 'events', '*', 'event', ...)
end

local function emit_and_trim(prefix, max, ...)
    call('XADD', prefix .. 'events', 'MAXLEN', '~', max, '*', 'event', ...)
end
