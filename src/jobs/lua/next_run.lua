-- SPDX-License-Identifier: MIT
-- A scheduler's job has begun: its next run is added, if no other worker was faster and the scheduler is still there.
--   KEYS[1]  prefix
--   ARGV[1]  now
--   ARGV[2]  the scheduler's id
--   ARGV[3]  the job's id
--   ARGV[4]  when it runs next, or empty with `every`
--   ARGV[5]  the options of the next run, JSON without delay, jobId and its end
--   ARGV[6]  MessagePack map: every and offset of the job; priority, lifo and de of the next
-- Returns the next job's id, or empty.
--@use schedule

local function add_next_run(prefix, argv)
    local id, now, more = argv[2], tonumber(argv[1]), cmsgpack.unpack(argv[6])
    local prev = call('ZSCORE', prefix .. 'repeat', id)
    if not prev or argv[3] ~= 'repeat:' .. id .. ':' .. prev then return '' end

    local key = prefix .. 'repeat:' .. id
    local scheduler = call('HMGET', key, 'name', 'data', 'every', 'offset')
    local every, at = whole(scheduler[3]) or more.every, tonumber(argv[4])
    if every and every > 0 then at = next_slot(whole(prev) or now, every, now, whole(scheduler[4]) or more.offset or 0) end
    if not whole(at) then return '' end

    local next_id = 'repeat:' .. id .. ':' .. at
    if call('EXISTS', prefix .. next_id) == 1 then
        emit_and_trim(prefix, get_events_max(prefix), 'duplicated', 'jobId', next_id)
        return ''
    end
    add_run(prefix, id, at, scheduler[1] or id, scheduler[2] or '{}', argv[5], more, now)
    call('ZADD', prefix .. 'repeat', at, id)
    count_up(key, 'ic')
    return next_id
end

return add_next_run(queue, ARGV)
