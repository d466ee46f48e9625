-- SPDX-License-Identifier: MIT
-- Finds jobs whose worker is gone. `stalled` has the ids that were active at the last sweep; a worker that renews a job's lock takes its id
-- out. Who is still there at the next sweep and has no lock goes back to the front of `wait`, and when that has happened too often, its
-- next worker fails it (`defa`).
--   KEYS[1]  prefix
--   ARGV[1]  now
--   ARGV[2]  ms in which one sweep is enough, whoever begins it
--   ARGV[3]  times that a job may stall
--   ARGV[4]  ids to look at in this call
--   ARGV[5]  -1 to begin a sweep, or where the last call left off
-- Returns { where to go on, or -1 when the sweep is done, ids of the stalled jobs ... }.
--@use meta events wake place count

-- The next run of a scheduler never fails so: it would be the last.
local function is_of_scheduler(prefix, scheduler)
    return call('EXISTS', prefix .. 'repeat:' .. scheduler) == 1 or
           type(try('ZSCORE', prefix .. 'repeat', scheduler)) == 'string'
end

local function count_stall(prefix, key, stalls_max)
    local stalls = count_up(key, 'stc')
    local scheduler = call('HGET', key, 'rjk')
    if stalls > tonumber(stalls_max) and not (scheduler and is_of_scheduler(prefix, scheduler)) then
        call('HSET', key, 'defa', 'job stalled more than allowable limit')
    end
end

-- One that is damaged is told by the worker that takes it.
local function free_stalled(prefix, id, stalls_max, meta)
    local key = prefix .. id
    if call('EXISTS', key .. ':lock') == 1 or try('LREM', prefix .. 'active', '1', id) ~= 1 then return false end
    local kind = call('TYPE', key).ok
    if kind == 'none' then return false end
    if not place(prefix, id, 0, 'RPUSH') then
        call('LPUSH', prefix .. 'active', id)
        return false
    end
    if kind == 'hash' then count_stall(prefix, key, stalls_max) end
    wake_if_open(prefix, meta)
    emit_and_trim(prefix, events_max_of(prefix, meta), 'waiting', 'jobId', id, 'prev', 'active')
    emit(prefix, 'stalled', 'jobId', id)
    return true
end

-- Those of the last sweep, taken out of the set.
local function take_suspects(prefix, count)
    if size_of('SCARD', prefix .. 'stalled') > count then return call('SPOP', prefix .. 'stalled', count), true end
    local ids = try('SMEMBERS', prefix .. 'stalled')
    call('DEL', prefix .. 'stalled')
    return ids, false
end

-- Returns where to go on.
local function mark_active(prefix, from, count)
    local ids = try('LRANGE', prefix .. 'active', from, from + count - 1)
    for i = 1, #ids, 1000 do try('SADD', prefix .. 'stalled', unpack(ids, i, math.min(i + 999, #ids))) end
    return #ids < count and -1 or from + count
end

local function sweep(prefix, argv)
    local from, count = tonumber(argv[5]), tonumber(argv[4])
    if from == -1 and not call('SET', prefix .. 'stalled-check', argv[1], 'PX', argv[2], 'NX') then return { -1 } end
    if from > 0 then return { mark_active(prefix, from, count) } end

    local meta = read_meta(prefix, try)
    events_max_of(prefix, meta)
    local ids, has_more = take_suspects(prefix, count)
    local reply = { 0 }
    for i = 1, #ids do
        if free_stalled(prefix, ids[i], argv[3], meta) then reply[#reply + 1] = ids[i] end
    end
    if not has_more then reply[1] = mark_active(prefix, 0, count) end
    return reply
end

return sweep(queue, ARGV)
