-- SPDX-License-Identifier: MIT
-- Removes a job wherever it is, and with its children, when asked to, those of all its levels. Neither it nor a child that is to come may be
-- active. A large tree goes in several calls, the job itself last.
--   KEYS[1]  prefix
--   ARGV[1]  the job's id
--   ARGV[2]  1: with its children
--   ARGV[3]  jobs to remove in this call, about
-- Returns 1, 2 when there is more to do, 0 when one is active, -1 or -8.
--@use parents disown tree damage

local function forget_child(key, kind, child)
    if kind == ':unsuccessful' then
        call('ZREM', key .. kind, child)
    elseif kind ~= ':dependencies' then
        call('HDEL', key .. kind, child)
    end
end

-- As many are looked at as may be removed.
local function is_locked(key, has_children, run)
    if call('EXISTS', key .. ':lock') == 1 then return true end
    run.left = run.left - 1
    if not has_children or run.left <= 0 or run.seen[key] then return false end
    run.seen[key] = true
    local children = some_children(key, ':dependencies')
    for i = 1, #children do
        if run.left <= 0 then break end
        if is_locked(children[i], true, run) then return true end
    end
    return false
end

-- False when it is not done: the job is still there.
local function remove_tree(key, parent, has_children, run)
    if run.seen[key] then return true end
    run.seen[key] = true
    local job = read_parent(key)
    local prefix = job.queueKey .. ':'
    local above, json = parent, nil
    if not parent then
        local fields = try('HMGET', key, 'parentKey', 'parent')
        above, json = fields[1], fields[2]
        if above and (above == '' or call('EXISTS', above) == 0) then above = nil end
    end
    local was_pending = above and call('SISMEMBER', above .. ':dependencies', key) == 1
    if was_pending then leave_parent(read_parent(above, json or nil), key) end

    local kinds = { ':processed', ':failed', ':unsuccessful', ':dependencies' }
    local had_children, is_done = false, true
    for k = 1, has_children and 4 or 0 do
        local children, are_all = some_children(key, kinds[k])
        had_children = had_children or (k < 4 and #children > 0)
        for i = 1, #children do
            is_done = is_done and run.left > 0 and remove_tree(children[i], key, true, run)
            if not is_done then break end
            forget_child(key, kinds[k], children[i])
        end
        is_done = is_done and are_all
        if not is_done then break end
    end
    if not is_done then
        if was_pending and parent then call('SADD', above .. ':dependencies', key) end
        return false
    end
    run.left = run.left - 1
    run.was_there = remove_one(prefix, job.id, had_children)
    return true
end

local function remove(prefix, id, has_children, max)
    local key = prefix .. id
    if is_next_run(prefix, id) then return -8 end
    if is_locked(key, has_children, { left = max, seen = {} }) then return 0 end
    local run = { left = max, seen = {}, was_there = false }
    if not remove_tree(key, nil, has_children, run) then return 2 end
    return run.was_there and 1 or -1
end

return remove(queue, ARGV[1], ARGV[2] == '1', tonumber(ARGV[3]))
