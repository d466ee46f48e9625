-- SPDX-License-Identifier: MIT
-- The stream `events`, which QueueEvents reads. It is cut to about as many as the queue's meta says (events_max_of in meta.lua). Jobs go
-- on where nothing can be told: in the place of the stream is something else, or its last id is the last one of all.
--@use keys

local function emit(prefix, ...)
    try('XADD', prefix .. 'events', '*', 'event', ...)
end

local function emit_and_trim(prefix, max, ...)
    try('XADD', prefix .. 'events', 'MAXLEN', '~', max, '*', 'event', ...)
end
