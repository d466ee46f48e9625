-- SPDX-License-Identifier: MIT
-- Jobs of which none is added when one is refused (add.lua).
--@use claim

-- Will the job not be there, because another holds its deduplication id?
local function is_held_off(look, key, prefix, de)
    local holder_key = prefix .. 'de:' .. de.id
    local holder = try('GET', holder_key)
    local is_held = look.held[holder_key] or type(holder) == 'string' and not is_stale(prefix, holder, holder_key)
    look.held[holder_key] = true
    return is_held and not (key and call('EXISTS', key) == 1)
end

-- The parent that a job has, or will have when those before it were added.
local function parent_of(look, key)
    return look.parents[key] or call('HGET', key, 'parentKey')
end

local function refusal_of(look, key, parent_key)
    if not look.parents[parent_key] and call('EXISTS', parent_key) == 0 then return -5 end
    local old = key and parent_of(look, key)
    if not old or old == '' or old == parent_key then return nil end
    if look.parents[old] or call('EXISTS', old) == 1 then return -7 end
    return nil
end

-- Goes through the jobs as add_job will, and changes nothing. look.parents: of the jobs that will be there, the key of its parent or ''.
local function look_through(batch)
    local argv, look, replies, is_refused = batch.argv, { parents = {}, held = {} }, {}, false
    for i = 3, #argv, 5 do
        local more = argv[i + 4] == '' and batch.nothing or cmsgpack.unpack(argv[i + 4])
        local prefix, parent = more.queue or batch.prefix, more.parent
        local key = argv[i] ~= '' and prefix .. argv[i]
        local parent_key = parent and parent[1] .. parent[2]
        local number = parent_key and refusal_of(look, key, parent_key)
        local is_there = not number and not (more.de and is_held_off(look, key, prefix, more.de))
        if key and is_there then look.parents[key] = parent_key or parent_of(look, key) or '' end
        is_refused = is_refused or number
        replies[#replies + 1] = number or -105
    end
    return is_refused and replies
end
