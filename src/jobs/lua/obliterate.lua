-- SPDX-License-Identifier: MIT
-- Removes a paused queue with all that it has, so many jobs and schedulers at a time; what somebody has put in the place of its keys too.
--   KEYS[1]  prefix
--   ARGV[1]  how many in this call
--   ARGV[2]  1: active jobs too
-- Returns how many there were, and 1 when there may be more; or -1: it is not paused, -2: jobs are active.
--@use abandon delete disown probe

local function remove_jobs(prefix, ids)
    for i = 1, #ids do
        local key = prefix .. ids[i]
        call('DEL', key .. ':lock')
        abandon_parent(prefix, key)
        drop_deduplication(prefix, ids[i])
        delete_job(key)
    end
end

local function empty_list(prefix, name, max)
    local ids = try('LRANGE', prefix .. name, '0', max - 1)
    if ids.err then return call('DEL', prefix .. name) end
    remove_jobs(prefix, ids)
    if #ids > 0 then try('LTRIM', prefix .. name, #ids, '-1') end
    return #ids
end

local function empty_set(prefix, name, max)
    local ids = try('ZRANGE', prefix .. name, '0', max - 1)
    if ids.err then return call('DEL', prefix .. name) end
    if name == 'repeat' then
        for i = 1, #ids do call('DEL', prefix .. 'repeat:' .. ids[i]) end
    else
        remove_jobs(prefix, ids)
    end
    if #ids > 0 then try('ZREM', prefix .. name, unpack(ids)) end
    return #ids
end

local function drop_rest(prefix)
    local names = { 'events', 'delay', 'stalled-check', 'stalled', 'id', 'pc', 'marker', 'meta', 'limiter', 'metrics:completed',
                    'metrics:completed:data', 'metrics:failed', 'metrics:failed:data' }
    for i = 1, #names do call('DEL', prefix .. names[i]) end
end

local function obliterate(prefix, max, has_active)
    if call('HEXISTS', prefix .. 'meta', 'paused') == 0 then return { -1, 0 } end
    if not has_active and size_of('LLEN', prefix .. 'active') > 0 then return { -2, 0 } end
    local places = { 'active', 'delayed', 'repeat', 'completed', 'wait', 'paused', 'prioritized', 'failed', 'waiting-children' }
    local left = max
    for i = 1, #places do
        local empty = (places[i] == 'active' or places[i] == 'wait' or places[i] == 'paused') and empty_list or empty_set
        left = left - empty(prefix, places[i], left)
        if left <= 0 then return { max, 1 } end
    end
    drop_rest(prefix)
    return { max - left, 0 }
end

return obliterate(queue, tonumber(ARGV[1]), ARGV[2] == '1')
