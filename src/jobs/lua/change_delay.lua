-- SPDX-License-Identifier: MIT
-- A delayed job is due at another time.
--   KEYS[1]  prefix
--   ARGV[1]  now
--   ARGV[2]  its id
--   ARGV[3]  ms from now
-- Returns 1, -1 or -3.
--@use events wake place

local function change_delay(prefix, now, id, delay_ms)
    if call('EXISTS', prefix .. id) == 0 then return -1 end
    if not call('ZSCORE', prefix .. 'delayed', id) then return -3 end
    call('HSET', prefix .. id, 'delay', delay_ms)
    local due = place_delayed(prefix, id, now, tonumber(delay_ms))
    emit_and_trim(prefix, get_events_max(prefix), 'delayed', 'jobId', id, 'delay', due)
    mark_delayed(prefix)
    return 1
end

return change_delay(queue, ARGV[1], ARGV[2], ARGV[3])
