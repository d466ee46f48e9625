-- SPDX-License-Identifier: MIT
-- Removes the children that a job waits for, with theirs. Those that a worker has, or that failed, stay with all that is below them.
--   KEYS[1]  prefix
--   ARGV[1]  the job's id
--   ARGV[2]  jobs to remove in this call, about
-- Returns { how many were removed, 1 when there may be more }, or -1.
--@use parents tree

local kinds = { ':dependencies' }
local remove_child

-- False when it is not done.
local function remove_below(key, run, level)
    local children, are_all = some_children(key, kinds[1])
    for i = 1, #children do
        local may_go_on = run.left > 0 and not is_too_deep(key, run, level)
        if not may_go_on or not remove_child(children[i], key, run, level) then return false end
    end
    return are_all
end

-- A child leaves its parent before its own children go, as with BullMQ; in a large tree last, so that no call leaves one without the other.
function remove_child(key, parent, run, level)
    local job = read_parent(key)
    if not job then return true end
    local prefix = job.queueKey .. ':'
    if run.seen[key] or call('EXISTS', key .. ':lock') == 1 then return true end
    if type(try('ZSCORE', prefix .. 'failed', job.id)) == 'string' then return true end
    run.seen[key] = true
    if run.is_small then leave_parent(read_parent(parent), key) end
    if not remove_below(key, run, level + 1) then return false end
    if not run.is_small then leave_parent(read_parent(parent), key) end
    remove_one(prefix, job.id, false, run)
    run.left = run.left - 1
    return true
end

local function remove_children(key, max)
    if call('EXISTS', key, key .. ':dependencies') == 0 then return -1 end
    local run = { left = max, seen = {}, later = {}, is_small = is_small(key, kinds, { left = max, seen = {} }) }
    local is_done, at = true, key
    while at do
        run.deeper = nil
        is_done = remove_below(at, run, 0) and at == key
        at = run.deeper
    end
    leave_lists(run)
    return { max - run.left, (is_done or run.left == max) and 0 or 1 }
end

return remove_children(queue .. ARGV[1], tonumber(ARGV[2]))
