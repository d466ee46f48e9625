-- SPDX-License-Identifier: MIT
-- Removes what is left of jobs that are in no state any more.
--   KEYS[1]     prefix
--   ARGV[1]     how many to remove in this call
--   ARGV[2] ..  ids
-- Returns { how many were removed, how many ids were looked at }. That an id is in no list takes a walk over all of them, so that of long
-- lists only some are looked for in one call.
--@use delete probe

-- Of a key that somebody has overwritten nobody knows which jobs were in it.
local function demand_states(prefix)
    local sets, lists = { 'completed', 'failed', 'delayed', 'prioritized', 'waiting-children' }, { 'active', 'wait', 'paused' }
    for i = 1, #sets do demand('ZCARD', prefix .. sets[i]) end
    for i = 1, #lists do demand('LLEN', prefix .. lists[i]) end
end

local function is_in_set(prefix, id)
    local sets = { 'completed', 'failed', 'delayed', 'prioritized', 'waiting-children' }
    for i = 1, #sets do
        if call('ZSCORE', prefix .. sets[i], id) then return true end
    end
    return false
end

local function is_in_list(prefix, id)
    return call('LPOS', prefix .. 'active', id) or call('LPOS', prefix .. 'wait', id) or call('LPOS', prefix .. 'paused', id)
end

-- What is no hash is no job's: somebody keeps something of his own there.
local function remove_job(key)
    local kind = call('TYPE', key).ok
    if kind ~= 'hash' and kind ~= 'none' then return 0 end
    call('DEL', key .. ':lock')
    return delete_job(key) > 0 and 1 or 0
end

local function remove_orphans(prefix, max, ids)
    local walk = call('LLEN', prefix .. 'active') + call('LLEN', prefix .. 'wait') + call('LLEN', prefix .. 'paused')
    local removed, steps = 0, 1000000
    for i = 2, #ids do
        if removed == max or steps <= 0 then return { removed, i - 2 } end
        if not is_in_set(prefix, ids[i]) then
            steps = steps - walk
            if not is_in_list(prefix, ids[i]) then removed = removed + remove_job(prefix .. ids[i]) end
        end
    end
    return { removed, #ids - 1 }
end

demand_states(queue)
return remove_orphans(queue, tonumber(ARGV[1]), ARGV)
