-- SPDX-License-Identifier: MIT
-- Makes a job scheduler, or changes it, and adds its next run in place of the one that waits.
--   KEYS[1]  prefix
--   ARGV[1]  now
--   ARGV[2]  its id
--   ARGV[3]  when it runs next, or empty with `every`
--   ARGV[4]  its jobs' name
--   ARGV[5]  their data, JSON
--   ARGV[6]  their options as a template, JSON
--   ARGV[7]  the options of the next one, JSON without delay, jobId and its end
--   ARGV[8]  MessagePack map: every, pattern, tz, limit, startDate, endDate, offset as they are given; priority and lifo of the jobs
-- Returns { job id, its delay in ms }, -10: the run exists and is not waiting, or -11: so do all the next ones.
--@use meta schedule delete

-- Runs that are there, left by another scheduler of that id, are passed over; so many at most.
local SLOTS_MAX = 32

local function forget_run(prefix, id)
    local deduplication = try('HGET', prefix .. id, 'deid')
    if type(deduplication) == 'string' and try('GET', prefix .. 'de:' .. deduplication) == id then
        call('DEL', prefix .. 'de:' .. deduplication, prefix .. 'dn:' .. deduplication)
    end
    delete_job(prefix .. id)
end

-- A run that has not begun is taken back.
local function take_back(prefix, id)
    if call('EXISTS', prefix .. id) == 0 then return false end
    local was_there = call('ZREM', prefix .. 'delayed', id) == 1 or call('ZREM', prefix .. 'prioritized', id) == 1 or
                      call('LREM', prefix .. 'wait', '1', id) == 1 or call('LREM', prefix .. 'paused', '1', id) == 1
    if was_there then forget_run(prefix, id) end
    return was_there
end

local function find_free(prefix, stem, at, every, slots_max)
    for _ = 0, slots_max do
        if call('EXISTS', stem .. at) == 0 then return at end
        at = at + every
    end
    return nil
end

local function add_field(fields, name, value)
    if not value then return end
    fields[#fields + 1] = name
    fields[#fields + 1] = value
end

local function keep_scheduler(prefix, argv, at, more, offset)
    local key = prefix .. 'repeat:' .. argv[2]
    local old = call('HMGET', key, 'offset', 'ic')
    local fields = { 'name', argv[4], 'ic', old[2] or 1 }
    add_field(fields, 'tz', more.tz)
    add_field(fields, 'limit', more.limit)
    add_field(fields, 'pattern', more.pattern)
    add_field(fields, 'startDate', more.startDate)
    add_field(fields, 'endDate', more.endDate)
    add_field(fields, 'every', more.every)
    add_field(fields, 'offset', offset or old[1])
    if argv[6] ~= '{}' then add_field(fields, 'opts', argv[6]) end
    if argv[5] ~= '{}' then add_field(fields, 'data', argv[5]) end
    call('ZADD', prefix .. 'repeat', at, argv[2])
    call('DEL', key)
    call('HSET', key, unpack(fields))
end

-- What is changed on the way, so that nothing fails in the middle.
local function demand_schedule(prefix, id)
    demand('HLEN', prefix .. 'meta')
    demand('ZCARD', prefix .. 'repeat')
    demand('HLEN', prefix .. 'repeat:' .. id)
    demand('ZCARD', prefix .. 'delayed')
    demand_places(prefix)
end

local function upsert(prefix, argv, slots_max)
    local more, now, id = cmsgpack.unpack(argv[8]), tonumber(argv[1]), argv[2]
    local every, offset, at = more.every, more.offset or 0, tonumber(argv[3])
    demand_schedule(prefix, id)
    events_max_of(prefix, read_meta(prefix))

    local prev = whole(call('ZSCORE', prefix .. 'repeat', id))
    local is_same_every = prev and every and tonumber(call('HGET', prefix .. 'repeat:' .. id, 'every') or '') == every
    if every then
        at = next_slot(is_same_every and prev, every, now, offset, more.startDate)
        if offset == 0 then offset = offset_of(at, every) end
    end
    local was_waiting = prev and take_back(prefix, 'repeat:' .. id .. ':' .. prev)
    if was_waiting then
        offset = more.offset
        if is_same_every then at = prev end
    end

    local free = find_free(prefix, prefix .. 'repeat:' .. id .. ':', at, every or 0, every and slots_max or 0)
    if not free and every then return -11 end
    if not free and not was_waiting then return -10 end
    at = free or at
    keep_scheduler(prefix, argv, at, more, offset)
    return { add_run(prefix, id, at, argv[4], argv[5], argv[7], more, now) }
end

return upsert(queue, ARGV, SLOTS_MAX)
