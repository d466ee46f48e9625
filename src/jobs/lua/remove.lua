-- SPDX-License-Identifier: MIT
-- Removes a job wherever it is, and with its children, when asked to, those of all its levels. Neither it nor a child that is to come may
-- be active. A large tree goes in several calls, the job itself last.
--   KEYS[1]  prefix
--   ARGV[1]  the job's id
--   ARGV[2]  1: with its children
--   ARGV[3]  jobs to remove in this call, about
-- Returns 1, 2 when there is more to do, 0 when one is active, -1 or -8.
--@use parents disown tree damage

local function forget_child(key, kind, child)
    if kind == ':unsuccessful' then
        try('ZREM', key .. kind, child)
    elseif kind ~= ':dependencies' then
        try('HDEL', key .. kind, child)
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

local kinds = { ':processed', ':failed', ':unsuccessful', ':dependencies' }
local remove_tree

-- Returns whether there was any but those to come, and whether it is done.
local function remove_below(key, run, level)
    local had_children = false
    for k = 1, #kinds do
        local children, are_all = some_children(key, kinds[k])
        had_children = had_children or (k < 4 and #children > 0)
        for i = 1, #children do
            local may_go_on = run.left > 0 and not is_too_deep(key, run, level)
            if not may_go_on or not remove_tree(children[i], key, true, run, level) then return had_children, false end
            forget_child(key, kinds[k], children[i])
        end
        if not are_all then return had_children, false end
    end
    return had_children, true
end

-- The parent that it still has, and as JSON what it keeps of it.
local function find_parent(key)
    local fields = try('HMGET', key, 'parentKey', 'parent')
    local above = fields[1]
    if not above or above == '' or call('EXISTS', above) == 0 then return nil end
    return above, fields[2]
end

-- False when it is not done: the job is still there. It leaves its parent before its own children go, as with BullMQ; in a large tree last,
-- so that no parent runs meanwhile for want of children.
function remove_tree(key, parent, has_children, run, level)
    if run.seen[key] then return true end
    run.seen[key] = true
    local job = read_parent(key)
    if not job then return true end
    local above, json = parent, nil
    if not parent then above, json = find_parent(key) end
    local is_pending = above and try('SISMEMBER', above .. ':dependencies', key) == 1
    if is_pending and run.is_small then leave_parent(read_parent(above, json or nil), key) end

    local had_children, is_done = false, true
    if has_children then had_children, is_done = remove_below(key, run, level + 1) end
    if not is_done then return false end
    if is_pending and not run.is_small then leave_parent(read_parent(above, json or nil), key) end
    run.left = run.left - 1
    run.was_there = remove_one(job.queueKey .. ':', job.id, had_children, run)
    return true
end

local function remove_some(key, has_children, run)
    if remove_tree(key, nil, has_children, run, 0) then return run.was_there and 1 or -1 end
    while run.deeper and run.left > 0 do
        local at = run.deeper
        run.deeper = nil
        remove_below(at, run, 0)
    end
    return 2
end

local function remove(prefix, id, has_children, max)
    local key = prefix .. id
    if is_next_run(prefix, id) then return -8 end
    if is_locked(key, has_children, { left = max, seen = {} }) then return 0 end
    local run = { left = max, seen = {}, was_there = false, later = {} }
    run.is_small = not has_children or is_small(key, kinds, { left = max - 1, seen = {} })
    local code = remove_some(key, has_children, run)
    leave_lists(run)
    return code
end

return remove(queue, ARGV[1], ARGV[2] == '1', tonumber(ARGV[3]))
