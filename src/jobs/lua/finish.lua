-- SPDX-License-Identifier: MIT
-- Finishes jobs, completed or failed, and takes as many as asked for.
--   KEYS[1]     prefix
--   ARGV[1..7]  as lib/fetch.lua tells, and so the reply; a code is 0, or why that job was not finished
--   ARGV[8]     points that the metrics keep, or empty for no metrics
--   ARGV[9...]  for each job: id, token of its lock, completed or failed, result or error, jobs to keep (0: not this one, -1: all),
--               seconds to keep them or empty, jobs to remove at a time, attempts that it may make, its stack as JSON or empty
--@use active fetch parents forget metrics deduplication dead

-- A parent waits for its children, and only fails when one of them made it.
local function check_children(key)
    if call('EXISTS', key .. ':dependencies', key .. ':unsuccessful') == 0 then return 0 end
    return call('SCARD', key .. ':dependencies') > 0 and -4 or -9
end

local function keep(prefix, id, argv, i, fields)
    local set = prefix .. argv[i + 2]
    call('ZADD', set, argv[1], id)
    call('HSET', prefix .. id, unpack(fields))
    if argv[i + 2] == 'failed' then call('HDEL', prefix .. id, 'defa') end
    if argv[i + 5] ~= '' then forget_old(prefix, set, argv[1], argv[i + 5], argv[i + 6]) end
    if tonumber(argv[i + 4]) > 0 then forget_surplus(prefix, set, argv[i + 4]) end
end

-- What is told of a failure: the fields to keep, and the dead job where the queue has a place for them.
local function fail(prefix, argv, i, meta, attempts, fields)
    local id, reason, stack = argv[i], argv[i + 3], argv[i + 8]
    if stack ~= '' then
        fields[7], fields[8] = 'stacktrace', stack
    end
    if meta[6] then
        local name, data = describe_dead(prefix, id, reason, stack, attempts, argv[1])
        fields[#fields + 1] = 'oxq.dead'
        fields[#fields + 1] = bury(prefix, meta[6], name, data, argv[1])
    end
end

local function finish_job(prefix, argv, i, meta)
    local now, id, state, value = argv[1], argv[i], argv[i + 2], argv[i + 3]
    local key = prefix .. id
    local job = call('HMGET', key, 'timestamp', 'parentKey', 'parent', 'deid', 'atm')
    if not job[1] then return -1 end
    local code = state == 'completed' and check_children(key) or 0
    if code == 0 then code = check_lock(key, argv[i + 1]) end
    if code < 0 then return code end
    unlock(prefix, id, argv[i + 1])
    if call('LREM', prefix .. 'active', -1, id) == 0 then return -3 end

    if job[4] then end_deduplication(prefix, job[4], id, now) end
    local parent = job[2] and job[2] ~= '' and read_parent(job[2], job[3])
    if parent then tell_parent(parent, key, state, value, now) end

    local attempts = (job[5] or 0) + 1
    local property = state == 'completed' and 'returnvalue' or 'failedReason'
    local fields = { property, value, 'finishedOn', now, 'atm', attempts }
    if state == 'failed' then fail(prefix, argv, i, meta, attempts, fields) end
    if argv[i + 4] ~= '0' then
        keep(prefix, id, argv, i, fields)
    else
        delete_job(key)
        if parent then leave_parent(parent, key) end
    end
    emit_and_trim(prefix, events_max_of(prefix, meta), state, 'jobId', id, property, value, 'prev', 'active')
    if state == 'failed' and attempts >= tonumber(argv[i + 7]) then
        emit(prefix, 'retries-exhausted', 'jobId', id, 'attemptsMade', attempts)
    end
    return 0
end

local function finish_jobs(prefix, argv, meta)
    local codes, completed, failed = {}, 0, 0
    for i = 9, #argv, 9 do
        local code = finish_job(prefix, argv, i, meta)
        codes[#codes + 1] = code
        if code == 0 then
            if argv[i + 2] == 'completed' then completed = completed + 1 else failed = failed + 1 end
        end
    end
    if argv[8] ~= '' then
        if completed > 0 then count_finished(prefix .. 'metrics:completed', completed, argv[8], argv[1]) end
        if failed > 0 then count_finished(prefix .. 'metrics:failed', failed, argv[8], argv[1]) end
    end
    return codes, completed + failed > 0
end

local meta = read_meta(queue)
local codes, has_finished = finish_jobs(queue, ARGV, meta)
local reply = { codes, 0, 0 }
local is_idle = true
if ARGV[2] ~= '0' then is_idle = fetch_jobs(queue, ARGV, meta, reply) end
if is_idle and has_finished and call('EXISTS', queue .. 'wait', queue .. 'active', queue .. 'prioritized') == 0 then
    emit(queue, 'drained')
end
return reply
