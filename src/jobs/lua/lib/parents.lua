-- SPDX-License-Identifier: MIT
-- What a child's end means to its parent. The parent <key> keeps `<key>:dependencies`, the set of its children that are to come; those
-- that are done are in `<key>:processed` (child, result), `<key>:failed` (child, error: failures that do not matter) or
-- `<key>:unsuccessful` (a sorted set of failures that make it fail). It may be of another queue, with the same hash tag in a cluster.
-- Where one of these is something else, nothing can be noted there, and the child's end is its own.
--@use keys

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

-- state: completed, with the result as value, or failed, with the error.
local function tell_parent(parent, child, state, value, now)
    local prefix, id = parent.queueKey .. ':', parent.id
    local key = prefix .. id
    local has_failed = state == 'failed'
    local is_heard = not has_failed or parent.fpof or parent.cpof or parent.idof or parent.rdof
    if not is_heard or try('SREM', key .. ':dependencies', child) ~= 1 then return end
    if not has_failed then
        try('HSET', key .. ':processed', child, value)
    elseif parent.fpof then
        try('ZADD', key .. ':unsuccessful', now, child)
    elseif parent.cpof or parent.idof then
        try('HSET', key .. ':failed', child, value)
    end
    local is_called = has_failed and (parent.fpof or parent.cpof) -- though other children are to come
    if not is_called and try('SCARD', key .. ':dependencies') ~= 0 then return end
    --@use release
    if has_failed and parent.fpof then
        doom_parent(prefix, id, child, now)
    else
        release_waiting_parent(prefix, id, now)
    end
end

-- A child that is removed is waited for no more. Its parent waits, with no regard to its priority.
local function leave_parent(parent, child)
    if not parent then return end
    local prefix, id = parent.queueKey .. ':', parent.id
    local set = prefix .. id .. ':dependencies'
    if try('SREM', set, child) ~= 1 or call('SCARD', set) > 0 then return end
    if try('ZREM', prefix .. 'waiting-children', id) ~= 1 then return end
    --@use events wake place
    if not place(prefix, id, 0, 'RPUSH') then
        call('ZADD', prefix .. 'waiting-children', '0', id)
        return
    end
    wake_if_open(prefix, read_meta(prefix, try))
    emit(prefix, 'waiting', 'jobId', id, 'prev', 'waiting-children')
end
