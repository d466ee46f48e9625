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

-- Returns whether it was there.
local function remove_one(prefix, id, had_children)
    local from = take_out(prefix, id)
    drop_deduplication(prefix, id)
    if delete_job(prefix .. id) == 0 and not had_children then return from ~= 'unknown' end
    emit_and_trim(prefix, get_events_max(prefix), 'removed', 'jobId', id, 'prev', from)
    return true
end
