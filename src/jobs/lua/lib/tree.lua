-- SPDX-License-Identifier: MIT
-- Removing jobs that have children.
--@use events delete disown takeout

-- At most a thousand of the children of one kind, and whether these are all.
local function some_children(key, kind)
    local set = key .. kind
    if kind == ':unsuccessful' then return call('ZRANGE', set, 0, 999), call('ZCARD', set) <= 1000 end
    if kind == ':dependencies' then
        if call('SCARD', set) <= 1000 then return call('SMEMBERS', set), true end
        return call('SRANDMEMBER', set, 1000), false
    end
    if call('HLEN', set) <= 1000 then return call('HKEYS', set), true end
    return call('HRANDFIELD', set, 1000), false
end

-- Returns whether it was there.
local function remove_one(prefix, id, had_children)
    local from = take_out(prefix, id)
    drop_deduplication(prefix, id)
    if delete_job(prefix .. id) == 0 and not had_children then return from ~= 'unknown' end
    emit_and_trim(prefix, get_events_max(prefix), 'removed', 'jobId', id, 'prev', from)
    return true
end
