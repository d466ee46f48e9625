-- SPDX-License-Identifier: MIT
-- What a child's end means to its parent. The parent <key> keeps `<key>:dependencies`, the set of its children that are to come; those
-- that are done are in `<key>:processed` (child, result), `<key>:failed` (child, error: failures that do not matter) or
-- `<key>:unsuccessful` (a sorted set of failures that make it fail). It may be of another queue, with the same hash tag in a cluster.
-- Where one of these is something else, nothing can be noted there, and the child's end is its own.
--@use events wake place release

-- A parent in parts: its queue's key without the last colon, its id, and what it does about a failure. Nil when the key is none. What
-- somebody damaged by hand is no reason to stop in the middle of a transition.
local function read_parent(key, json)
    if json then
        local is_json, parent = pcall(cjson.decode, json)
        local is_whole = is_json and type(parent) == 'table' and type(parent.queueKey) == 'string'
        if is_whole and (type(parent.id) == 'string' or type(parent.id) == 'number') then return parent end
    end
    local queue_key, id = string.match(key, '^(.+):([^:]*)$')
    return id and { id = id, queueKey = queue_key }
end

-- The parent runs at once, and the worker that takes it fails it for what `defa` says.
local function doom_parent(prefix, id, child, now)
    local key = prefix .. id
    if call('EXISTS', key) == 0 then return end
    local is_idle = try('ZREM', prefix .. 'waiting-children', id) == 1
    if not is_idle and try('ZREM', prefix .. 'delayed', id) == 1 then
        is_idle = true
        try('HSET', key, 'delay', '0')
    end
    if not is_idle and type(try('ZSCORE', prefix .. 'failed', id)) == 'string' then return end
    try('HSET', key, 'defa', 'child ' .. child .. ' failed')
    if is_idle then release_parent(prefix, id, now) end
end

-- state: completed, with the result as value, or failed, with the error.
local function tell_parent(parent, child, state, value, now)
    local prefix, id = parent.queueKey .. ':', parent.id
    local key = prefix .. id
    local is_heard = state == 'completed' or parent.fpof or parent.cpof or parent.idof or parent.rdof
    if not is_heard or try('SREM', key .. ':dependencies', child) ~= 1 then return end
    if state == 'completed' then
        try('HSET', key .. ':processed', child, value)
        release_ready_parent(prefix, id, now)
    elseif parent.fpof then
        try('ZADD', key .. ':unsuccessful', now, child)
        doom_parent(prefix, id, child, now)
    elseif parent.cpof then
        try('HSET', key .. ':failed', child, value)
        release_waiting_parent(prefix, id, now)
    else
        if parent.idof then try('HSET', key .. ':failed', child, value) end
        release_ready_parent(prefix, id, now)
    end
end

-- A child that is removed is waited for no more. Its parent waits, with no regard to its priority.
local function leave_parent(parent, child)
    if not parent then return end
    local prefix, id = parent.queueKey .. ':', parent.id
    local set = prefix .. id .. ':dependencies'
    if try('SREM', set, child) ~= 1 or call('SCARD', set) > 0 then return end
    if try('ZREM', prefix .. 'waiting-children', id) ~= 1 then return end
    if not place(prefix, id, 0, 'RPUSH') then
        call('ZADD', prefix .. 'waiting-children', '0', id)
        return
    end
    wake_if_open(prefix, read_meta(prefix, try))
    emit(prefix, 'waiting', 'jobId', id, 'prev', 'waiting-children')
end
