-- SPDX-License-Identifier: MIT
-- A parent leaves `waiting-children` when it has no child to wait for.
--@use events marker place damage

-- The parent goes where its delay and its priority say.
local function release_parent(prefix, id, now)
    local job = try('HMGET', prefix .. id, 'priority', 'delay')
    local priority, delay_ms = tonumber(job[1]) or 0, tonumber(job[2]) or 0
    if delay_ms > 0 then
        local due = now + delay_ms
        call('ZADD', prefix .. 'delayed', due * 0x1000, id)
        emit(prefix, 'delayed', 'jobId', id, 'delay', due)
        mark_delayed(prefix)
        return
    end
    place(prefix, id, priority, 'RPUSH')
    if not is_closed(prefix) then wake_workers(prefix) end
    emit(prefix, 'waiting', 'jobId', id, 'prev', 'waiting-children')
end

local function release_waiting_parent(prefix, id, now)
    if call('EXISTS', prefix .. id) == 1 and call('ZREM', prefix .. 'waiting-children', id) == 1 then
        release_parent(prefix, id, now)
    end
end

local function release_ready_parent(prefix, id, now)
    if call('SCARD', prefix .. id .. ':dependencies') == 0 then release_waiting_parent(prefix, id, now) end
end
