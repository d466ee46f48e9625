-- SPDX-License-Identifier: MIT
-- Removes jobs of one state, the oldest first. A parent in the same queue that waited for the last of them goes too; one of another queue
-- waits. Active jobs with a lock stay, and the next runs of schedulers.
--   KEYS[1]  prefix
--   ARGV[1]  the state
--   ARGV[2]  only jobs up to this time, in ms: when they finished, or else began, or else were added; empty: all
--   ARGV[3]  jobs to look at in this call
--   ARGV[4]  as many as stayed in the calls before
--   ARGV[5]  1: tell it in the events
-- Returns { how many were removed, how many stayed, 1 when there may be more }.
--@use events abandon delete disown damage

local function is_list(state)
    return state == 'wait' or state == 'paused' or state == 'active'
end

local function is_finished(state)
    return state == 'completed' or state == 'failed'
end

local function list_ids(prefix, argv)
    local state, before, count, from = argv[1], argv[2], tonumber(argv[3]), tonumber(argv[4])
    if is_list(state) then return call('LRANGE', prefix .. state, -from - count, -from - 1) end
    local to = is_finished(state) and before ~= '' and before or '+inf'
    return call('ZRANGEBYSCORE', prefix .. state, '0', to, 'LIMIT', from, count)
end

local function is_old(key, state, before)
    if before == '' or is_finished(state) then return true end
    local time = try('HMGET', key, 'timestamp')[1]
    if state ~= 'prioritized' then
        local times = try('HMGET', key, 'finishedOn', 'processedOn')
        time = is_list(state) and times[1] or times[2] or time
    end
    return (tonumber(time) or 0) <= tonumber(before)
end

local function stays(prefix, id, argv)
    if argv[1] == 'active' and call('EXISTS', prefix .. id .. ':lock') == 1 then return true end
    if not is_finished(argv[1]) and is_next_run(prefix, id) then return true end
    return not is_old(prefix .. id, argv[1], argv[2])
end

local function purge(prefix, argv)
    local state = argv[1]
    local ids = list_ids(prefix, argv)
    local removed = 0
    for i = 1, #ids do
        local id = ids[i]
        if not stays(prefix, id, argv) then
            if is_list(state) then
                try('LREM', prefix .. state, '-1', id)
            else
                try('ZREM', prefix .. state, id)
            end
            abandon_parent(prefix, prefix .. id)
            drop_deduplication(prefix, id)
            delete_job(prefix .. id)
            removed = removed + 1
        end
    end
    if argv[5] == '1' then emit(prefix, 'cleaned', 'count', removed) end
    return { removed, #ids - removed, #ids == tonumber(argv[3]) and 1 or 0 }
end

return purge(queue, ARGV)
