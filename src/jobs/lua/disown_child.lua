-- SPDX-License-Identifier: MIT
-- A child that is to come belongs to its parent no longer, which runs if it was the last one.
--   KEYS[1]  prefix
--   ARGV[1]  the child's id
-- Returns 1, 0 when its parent does not wait for it, -1, -5 or -106.
--@use parents probe

local function disown_child(prefix, id)
    local key = prefix .. id
    if call('EXISTS', key) == 0 then return -1 end
    local parent = call('HGET', key, 'parentKey')
    if not parent or parent == '' then return 0 end
    if call('EXISTS', parent) == 0 then return -5 end
    if call('SISMEMBER', parent .. ':dependencies', key) == 0 then return 0 end
    local above = read_parent(parent)
    if above and not is_sound(above.queueKey .. ':') then return -106 end
    leave_parent(above, key)
    call('HDEL', key, 'parentKey', 'parent')
    return 1
end

return disown_child(queue, ARGV[1])
