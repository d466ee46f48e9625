-- SPDX-License-Identifier: MIT
-- Removing jobs that have children.
--@use events meta delete disown takeout probe

-- At most a thousand of the children of one kind, and whether these are all.
local function some_children(key, kind)
    local set = key .. kind
    if kind == ':unsuccessful' then
        if not is_kind('ZCARD', set) then return {}, true end
        return call('ZRANGE', set, '0', '999'), call('ZCARD', set) <= 1000
    end
    if kind == ':dependencies' then
        if size_of('SCARD', set) <= 1000 then return size_of('SCARD', set) > 0 and call('SMEMBERS', set) or {}, true end
        return call('SRANDMEMBER', set, '1000'), false
    end
    if size_of('HLEN', set) <= 1000 then return size_of('HLEN', set) > 0 and call('HKEYS', set) or {}, true end
    return call('HRANDFIELD', set, '1000'), false
end

-- A call goes down so many levels, each of which takes some of Lua's stack; what lies deeper it begins anew, from there (run.deeper).
local LEVELS_MAX = 500

local function is_too_deep(key, run, level)
    if run.is_small or level < LEVELS_MAX then return false end
    run.deeper = key
    return true
end

-- Are there no more than run.left jobs below it, as children of these kinds? Then a call does all of it, and no level is too deep.
local function is_small(key, kinds, run)
    if run.seen[key] then return true end
    run.seen[key] = true
    for k = 1, #kinds do
        local children, are_all = some_children(key, kinds[k])
        run.left = run.left - #children
        if not are_all or run.left < 0 then return false end
        for i = 1, #children do
            if not is_small(children[i], kinds, run) then return false end
        end
    end
    return true
end

local function tell_removed(prefix, id, from)
    emit_and_trim(prefix, get_events_max(prefix), 'removed', 'jobId', id, 'prev', from)
end

local function put_off(prefix, id, was_there, run)
    local later = run.later[prefix] or { from = {}, told = {} }
    run.later[prefix], later.from[id] = later, 'unknown'
    if was_there then later.told[#later.told + 1] = id end
end

-- Returns whether it was there. Removing an id from a list is a walk along it: the ids of a large tree leave together (leave_lists).
local function remove_one(prefix, id, had_children, run)
    local from = take_out_of_sets(prefix, id)
    local is_for_later = not from and not run.is_small
    if not from and run.is_small then from = take_out_of_lists(prefix, id) end
    drop_deduplication(prefix, id)
    local was_there = delete_job(prefix .. id) > 0 or had_children
    if is_for_later then
        put_off(prefix, id, was_there, run)
    elseif was_there then
        tell_removed(prefix, id, from)
    end
    return was_there or from ~= 'unknown'
end

-- Those ids that `from` has leave the list, and it learns where they were.
local function leave_list(prefix, name, from)
    local list, is_any = prefix .. name, false
    for at = 0, size_of('LLEN', list) - 1, 10000 do
        local ids = call('LRANGE', list, at, at + 9999)
        for i = 1, #ids do
            if from[ids[i]] then
                call('LSET', list, at + i - 1, '')
                from[ids[i]], is_any = name, true
            end
        end
    end
    if is_any then call('LREM', list, '0', '') end
end

-- The end of a call.
local function leave_lists(run)
    for prefix, later in pairs(run.later) do
        for i = 1, #lists do leave_list(prefix, lists[i], later.from) end
        for i = 1, #later.told do tell_removed(prefix, later.told[i], later.from[later.told[i]]) end
    end
end
