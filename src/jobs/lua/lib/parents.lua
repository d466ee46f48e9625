-- SPDX-License-Identifier: MIT
-- What a child's end means to its parent. The parent <key> keeps `<key>:dependencies`, the set of its children that are to come; those
-- that are done are in `<key>:processed` (child, result), `<key>:failed` (child, error: failures that do not matter) or
-- `<key>:unsuccessful` (a sorted set of failures that make it fail). It may be of another queue, with the same hash tag in a cluster.
--@use events marker place release damage

-- A parent in parts: its queue's key without the last colon, its id, and what it does about a failure.
local function read_parent(key, json)
    if json then
        local parent = cjson.decode(json)
        if parent.id then return parent end
    end
    local id = string.match(key, ':([^:]*)$')
    return { id = id, queueKey = string.sub(key, 1, #key - #id - 1) }
end

-- The parent runs at once, and the worker that takes it fails it for what `defa` says.
local function doom_parent(prefix, id, child, now)
    local key = prefix .. id
    if call('EXISTS', key) == 0 then return end
    local is_idle = call('ZREM', prefix .. 'waiting-children', id) == 1
    if not is_idle and call('ZREM', prefix .. 'delayed', id) == 1 then
        is_idle = true
        try('HSET', key, 'delay', 0)
    end
    if not is_idle and call('ZSCORE', prefix .. 'failed', id) then return end
    try('HSET', key, 'defa', 'child ' .. child .. ' failed')
    if is_idle then release_parent(prefix, id, now) end
end

-- state: completed, with the result as value, or failed, with the error.
local function tell_parent(parent, child, state, value, now)
    local prefix, id = parent.queueKey .. ':', parent.id
    local key = prefix .. id
    local is_heard = state == 'completed' or parent.fpof or parent.cpof or parent.idof or parent.rdof
    if not is_heard or call('SREM', key .. ':dependencies', child) == 0 then return end
    if state == 'completed' then
        call('HSET', key .. ':processed', child, value)
        release_ready_parent(prefix, id, now)
    elseif parent.fpof then
        call('ZADD', key .. ':unsuccessful', now, child)
        doom_parent(prefix, id, child, now)
    elseif parent.cpof then
        call('HSET', key .. ':failed', child, value)
        release_waiting_parent(prefix, id, now)
    else
        if parent.idof then call('HSET', key .. ':failed', child, value) end
        release_ready_parent(prefix, id, now)
    end
end

-- A child that is removed is waited for no more. Its parent waits, with no regard to its priority.
local function leave_parent(parent, child)
    local prefix, id = parent.queueKey .. ':', parent.id
    local set = prefix .. id .. ':dependencies'
    if call('SREM', set, child) == 0 or call('SCARD', set) > 0 then return end
    if call('ZREM', prefix .. 'waiting-children', id) == 0 then return end
    place(prefix, id, 0, 'RPUSH')
    if not is_closed(prefix) then wake_workers(prefix) end
    emit(prefix, 'waiting', 'jobId', id, 'prev', 'waiting-children')
end
