-- SPDX-License-Identifier: MIT
-- A parent leaves `waiting-children` when it has no child to wait for. It comes back when it cannot be put anywhere else.
--@use events wake place damage

-- The parent goes where its delay and its priority say. False when it cannot.
local function move_parent(prefix, id, now)
    local job = try('HMGET', prefix .. id, 'priority', 'delay')
    local priority, delay_ms = whole(job[1]) or 0, whole(job[2]) or 0
    if delay_ms > 0 then
        local due = now + delay_ms
        if type(try('ZADD', prefix .. 'delayed', due * 0x1000, id)) ~= 'number' then return false end
        emit(prefix, 'delayed', 'jobId', id, 'delay', due)
        mark_delayed(prefix)
        return true
    end
    if not place(prefix, id, priority, 'RPUSH') then return false end
    wake_if_open(prefix, read_meta(prefix, try))
    emit(prefix, 'waiting', 'jobId', id, 'prev', 'waiting-children')
    return true
end

local function release_parent(prefix, id, now)
    if not move_parent(prefix, id, now) then try('ZADD', prefix .. 'waiting-children', now, id) end
end

local function release_waiting_parent(prefix, id, now)
    if call('EXISTS', prefix .. id) == 1 and try('ZREM', prefix .. 'waiting-children', id) == 1 then
        release_parent(prefix, id, now)
    end
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
