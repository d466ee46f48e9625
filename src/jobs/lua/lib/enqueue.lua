-- SPDX-License-Identifier: MIT
-- A new job goes where its options say, and is told.
--@use events wake meta place

local function enqueue_next(prefix, id, options, now, meta)
    local max = events_max_of(prefix, meta)
    local delay_ms, priority = options.delay or 0, options.priority or 0
    if delay_ms ~= 0 then
        local due = place_delayed(prefix, id, now, delay_ms)
        emit_and_trim(prefix, max, 'delayed', 'jobId', id, 'delay', due)
        mark_delayed(prefix)
        return
    end
    place(prefix, id, priority, options.lifo and 'RPUSH' or 'LPUSH')
    wake_if_open(prefix, meta)
    emit_and_trim(prefix, max, 'waiting', 'jobId', id)
end
