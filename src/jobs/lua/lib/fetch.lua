-- SPDX-License-Identifier: MIT
-- Taking jobs: due delayed ones first come to the others, then up to so many, from `wait` and then from `prioritized`, become active,
-- each under a lock. A transition that fetches begins its arguments with
--   ARGV[1] now · [2] how many, 0 for none · [3] token of the locks, 0 for no lock · [4] ms that a lock lasts · [5] the worker's name
--   or empty · [6] jobs, in [7] ms, that the worker may take, or empty
-- and returns { codes, ms until the rate allows more or 0, when the first delayed job is due or 0, and of each job: id, its starts with
-- this one, its fields as they were before }. In place of the fields of an id that is no job: what its key is instead.
--@use meta events marker

-- Due jobs leave `delayed`, at most a thousand at a time.
local function promote(prefix, now, is_open)
    local ids = call('ZRANGEBYSCORE', prefix .. 'delayed', '0', (now + 1) * 0x1000 - 1, 'LIMIT', '0', '1000')
    if #ids == 0 then return end
    --@use place damage
    local list, placed = waiting_list(prefix), {}
    for i = 1, #ids do
        local key = prefix .. ids[i]
        if place(prefix, ids[i], read_priority(key), 'LPUSH', list) then
            placed[#placed + 1] = ids[i]
            emit(prefix, 'waiting', 'jobId', ids[i], 'prev', 'delayed')
            try('HSET', key, 'delay', '0')
        end
    end
    if #placed > 0 then call('ZREM', prefix .. 'delayed', unpack(placed)) end
    if is_open then wake_workers(prefix) end
end

-- What `limiter` holds while nobody may take a job (jobs/limits.c), so that it binds workers without a rate too: these are `max` for.
local HELD = 9007199254740991

-- How many jobs the rate allows; when none, 0 and for how many ms. In the millisecond in which the time is over the key is still there.
local function count_allowed(prefix, max)
    local left = max - (whole(try('GET', prefix .. 'limiter')) or 0)
    if left > 0 then return left end
    local ttl_ms = call('PTTL', prefix .. 'limiter')
    if ttl_ms > 0 then return 0, ttl_ms end
    if ttl_ms == 0 then call('DEL', prefix .. 'limiter') end
    return max
end

-- Jobs of one answer have so many bytes together, or else there is only one. (native/ours_fetch.c knows it too.)
local BYTES_MAX = 0x1000000

-- Up to `count` ids, which are in `active` now, and the scores of those that have a priority.
local function take_ids(prefix, count)
    local ids, scores = {}, {}
    if count == 1 then
        local id = call('RPOPLPUSH', prefix .. 'wait', prefix .. 'active')
        if id then return { id }, scores end
    else
        ids = call('RPOP', prefix .. 'wait', count) or ids
    end
    local popped = #ids < count and (#ids > 0 and try or call)('ZPOPMIN', prefix .. 'prioritized', count - #ids) or {}
    for i = 1, #popped, 2 do
        ids[#ids + 1] = popped[i]
        scores[#ids] = popped[i + 1]
    end
    local pushed = #ids > 0 and try('LPUSH', prefix .. 'active', unpack(ids))
    if #ids > 0 and type(pushed) ~= 'number' then
        --@use seldom
        put_back(prefix, ids, scores, 1)
        error(pushed.err)
    end
    return ids, scores
end

-- Returns the bytes of a job's fields, its starts with this one, and how much it uses the rate: one that is only taken to be
-- failed (`defa`) does not count for it.
local function look_at(fields)
    local bytes, starts, used = 0, 1, 1
    for i = 1, #fields, 2 do
        local field, value = fields[i], fields[i + 1]
        bytes = bytes + #value
        if field == 'ats' then
            starts = (whole(value) or 0) + 1
        elseif field == 'defa' then
            used = 0
        end
    end
    return bytes, starts, used
end

-- Locks a job and notes its start.
local function start_job(prefix, id, fields, starts, argv, reply)
    local key = prefix .. id
    if argv[3] ~= '0' then call('SET', key .. ':lock', argv[3], 'PX', argv[4]) end
    if argv[5] == '' then
        call('HSET', key, 'processedOn', argv[1], 'ats', starts)
    else
        call('HSET', key, 'processedOn', argv[1], 'ats', starts, 'pb', argv[5])
    end
    try('XADD', prefix .. 'events', '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
    local n = #reply
    reply[n + 1], reply[n + 2], reply[n + 3] = id, starts, fields
end

-- Up to `count`. `run` has what was started before. Returns whether there may be more to start. The counter of priorities starts anew when
-- no prioritized job is left.
local function start_some(prefix, count, argv, reply, run)
    local ids, scores = take_ids(prefix, count)
    local started = 0
    for i = 1, #ids do
        local fields = try('HGETALL', prefix .. ids[i])
        local bytes, starts, used = look_at(fields)
        run.bytes = run.bytes + bytes
        run.is_full = run.bytes > BYTES_MAX and run.started + started > 0
        if run.is_full then
            --@use seldom
            put_back(prefix, ids, scores, i)
            break
        elseif #fields == 0 then
            --@use seldom
            drop_id(prefix, ids[i], fields, reply)
        else
            started = started + 1
            run.used = run.used + used
            start_job(prefix, ids[i], fields, starts, argv, reply)
        end
    end
    if #ids < count and not run.is_full then call('DEL', prefix .. 'pc') end
    run.started = run.started + started
    return #ids == count and not run.is_full
end

-- Appends to reply, which holds the codes. Returns whether there was nothing at all: no job, none delayed, and no limit either.
local function fetch_jobs(prefix, argv, meta, reply)
    local room = count_room(prefix, meta)
    promote(prefix, argv[1], room > 0)
    local max = number(meta[3]) or tonumber(argv[6])
    max = max and math.floor(max)
    local allowed, limit_ms = count_allowed(prefix, max or HELD)
    reply[2], reply[3] = limit_ms or 0, 0
    if limit_ms or room <= 0 then return false end

    local wanted, has_more = math.min(tonumber(argv[2]), math.ceil(room)), true
    local run = { started = 0, used = 0, bytes = 0 }
    while has_more and run.started < wanted and run.used < allowed do
        has_more = start_some(prefix, math.min(wanted - run.started, allowed - run.used), argv, reply, run)
    end
    if run.started > 0 then
        if max and run.used > 0 then
            --@use seldom
            use_rate(prefix, run.used, tonumber(argv[7]) or number(meta[4]) or 0)
        end
        wake_workers(prefix)
        return false
    end
    local first = call('ZRANGE', prefix .. 'delayed', '0', '0', 'WITHSCORES')
    if not first[2] then return true end
    reply[3] = math.max(0, math.min(first[2] / 0x1000, HELD))
    return false
end

-- Fetches in a call that may have changed something: then no error may come of it, which the next call that only fetches will have.
local function fetch_after(prefix, argv, meta, reply, has_changed)
    local is_done, is_idle = pcall(fetch_jobs, prefix, argv, meta, reply)
    if not is_done and not has_changed then error(is_idle) end
    return is_done and is_idle
end
