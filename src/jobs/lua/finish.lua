-- SPDX-License-Identifier: MIT
-- Finishes jobs, completed or failed, and takes as many as asked for.
--   KEYS[1]     prefix
--   ARGV[1..7]  as lib/fetch.lua tells, and so the reply; a code is 0, or why that job was not finished; one that is damaged is active
--               no more all the same
--   ARGV[8]     points that the metrics keep, or empty for no metrics
--   ARGV[9...]  for each job: id, token of its lock, completed or failed, result or error, jobs to keep (0: not this one, -1: all),
--               seconds to keep them or empty, jobs to remove at a time, attempts that it may make, its stack as JSON or empty
--@use fetch delete parents

-- What is asked of all jobs together, before the first one is finished. Each gets who holds its
-- lock, [6], whether it may have children, [7], and the keys of the job and its lock, [8] and [9].
local function read_jobs(prefix, argv)
    local jobs, locks, children = {}, {}, {}
    local n = 0
    for i = 9, #argv, 9 do
        local key = prefix .. argv[i]
        local lock, job = key .. ':lock', try('HMGET', key, 'timestamp', 'parentKey', 'parent', 'deid', 'atm')
        n = n + 1
        job[8], job[9] = key, lock
        jobs[n], locks[n] = job, lock
        children[2 * n - 1], children[2 * n] = key .. ':dependencies', key .. ':unsuccessful'
    end
    local holders = call('MGET', unpack(locks))
    local are_childless = call('EXISTS', unpack(children)) == 0
    for i = 1, n do
        -- What waits for a deduplication id may become a child of a job that is finished in the same call.
        if jobs[i][4] then are_childless = false end
    end
    for i = 1, n do jobs[i][6], jobs[i][7] = holders[i], not are_childless end
    return jobs
end

-- A parent waits for its children, and only fails when one of them made it.
local function check_job(job, state, token)
    local key = job[8]
    if not job[1] and call('EXISTS', key) == 0 then return -1 end
    if state == 'completed' and job[7] then
        if size_of('SCARD', key .. ':dependencies') > 0 then return -4 end
        if size_of('ZCARD', key .. ':unsuccessful') > 0 then return -9 end
    end
    if token == '0' or job[6] == token then return 0 end
    return job[6] and -6 or -2
end

-- Where `completed` or `failed` is something else jobs stay active, under their locks.
local function add_finished(prefix, state, pending)
    local list = pending[state]
    if #list == 0 then return end
    local added = try('ZADD', prefix .. state, unpack(list))
    if type(added) ~= 'number' then
        for _, left in ipairs({ pending.completed, pending.failed }) do
            for i = 2, #left, 2 do call('LPUSH', pending.active, left[i]) end
        end
        error(added.err)
    end
    pending[state] = {}
end

local function settle(prefix, pending)
    add_finished(prefix, 'completed', pending)
    add_finished(prefix, 'failed', pending)
    if #pending.ids == 0 then return end
    call('DEL', unpack(pending.locks))
    try('SREM', prefix .. 'stalled', unpack(pending.ids))
end

local function keep(prefix, argv, i, pending)
    local now, state = argv[1], argv[i + 2]
    local count, age_s = argv[i + 4], argv[i + 5]
    local list = pending[state]
    local n = #list
    list[n + 1], list[n + 2] = now, argv[i]
    if (count == '-1' or count == '0') and age_s == '' then return end
    add_finished(prefix, state, pending)
    --@use forget
    if age_s ~= '' then forget_old(prefix, prefix .. state, now, age_s, argv[i + 6]) end
    if count ~= '-1' then forget_surplus(prefix, prefix .. state, count) end
end

-- What is told of a failure: the fields to keep, and the dead job where the queue has a place for them. And whether that job could not be
-- added: then the failed one is all there is.
local function fail(prefix, argv, i, meta, attempts)
    local id, reason, stack = argv[i], argv[i + 3], argv[i + 8]
    local fields = { 'failedReason', reason, 'finishedOn', argv[1], 'atm', attempts }
    if stack ~= '' then
        fields[7], fields[8] = 'stacktrace', stack
    end
    if meta[6] then
        --@use dead
        local name, data = describe_dead(prefix, id, reason, stack, attempts, argv[1])
        local dead_id = bury(prefix, meta[6], name, data, argv[1])
        if not dead_id then return fields, true end
        fields[#fields + 1] = 'oxq.dead'
        fields[#fields + 1] = dead_id
    end
    return fields, false
end

local function finish_job(prefix, argv, i, meta, job, pending)
    local now, id, state, value = argv[1], argv[i], argv[i + 2], argv[i + 3]
    local key, attempts = job[8], (whole(job[5]) or 0) + 1
    local code = check_job(job, state, argv[i + 1])
    if code < 0 then return code end
    local parent = job[2] and job[2] ~= '' and read_parent(job[2], job[3])
    if parent then add_finished(prefix, 'failed', pending) end -- the parent may be among them
    if argv[i + 1] ~= '0' then
        local n = #pending.ids + 1
        pending.locks[n], pending.ids[n] = job[9], id
    end
    if call('LREM', pending.active, '-1', id) == 0 then return -3 end
    if job.err then
        --@use damage
        tell_damaged(prefix, id)
        return -104
    end

    if job[4] then
        --@use deduplication
        end_deduplication(prefix, job[4], id, now)
    end
    if parent then tell_parent(parent, key, state, value, now) end

    local is_kept, property = argv[i + 4] ~= '0', 'returnvalue'
    if state == 'failed' then
        local fields, is_alone = fail(prefix, argv, i, meta, attempts)
        property, is_kept = 'failedReason', is_kept or is_alone
        if is_kept then
            call('HSET', key, unpack(fields))
            call('HDEL', key, 'defa')
        end
    elseif is_kept then
        call('HSET', key, 'returnvalue', value, 'finishedOn', now, 'atm', attempts)
    end
    if is_kept then
        keep(prefix, argv, i, pending)
    else
        delete_job(key)
        if parent then leave_parent(parent, key) end
    end
    try('XADD', pending.events, 'MAXLEN', '~', events_max_of(prefix, meta), '*', 'event', state, 'jobId', id, property, value,
        'prev', 'active')
    if state == 'failed' and attempts >= tonumber(argv[i + 7]) then
        emit(prefix, 'retries-exhausted', 'jobId', id, 'attemptsMade', attempts)
    end
    return 0
end

local function finish_jobs(prefix, argv, meta)
    local codes, completed, failed, jobs = {}, 0, 0, read_jobs(prefix, argv)
    -- Jobs come to `completed` and `failed`, and locks go, in one piece each: those that wait for that. And keys that all jobs need.
    local pending = { locks = {}, ids = {}, completed = {}, failed = {}, active = prefix .. 'active', events = prefix .. 'events' }
    for i = 9, #argv, 9 do
        local n = #codes + 1
        local code = finish_job(prefix, argv, i, meta, jobs[n], pending)
        codes[n] = code
        if code == 0 then
            if argv[i + 2] == 'completed' then completed = completed + 1 else failed = failed + 1 end
        end
    end
    settle(prefix, pending)
    if argv[8] ~= '' then
        --@use metrics
        if completed > 0 then count_finished(prefix .. 'metrics:completed', completed, argv[8], argv[1]) end
        if failed > 0 then count_finished(prefix .. 'metrics:failed', failed, argv[8], argv[1]) end
    end
    return codes, completed + failed > 0
end

local meta = read_meta(queue)
local codes, has_finished = finish_jobs(queue, ARGV, meta)
local reply = { codes, 0, 0, nil, nil, nil } -- with room for a job
local is_idle = true
if ARGV[2] ~= '0' then is_idle = fetch_after(queue, ARGV, meta, reply, has_finished) end
if is_idle and has_finished and call('EXISTS', queue .. 'wait', queue .. 'active', queue .. 'prioritized') == 0 then
    emit(queue, 'drained')
end
return reply
