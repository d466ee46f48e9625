-- SPDX-License-Identifier: MIT
-- Many jobs of a queue are removed. A parent in the same queue that waited for the last of them goes too; one of another queue waits.
--@use delete parents place wake probe

-- The parent that waited for this child alone, or nil.
local function find_abandoned(prefix, key, above)
    if not above or above == '' or call('EXISTS', above) == 0 then return nil end
    if try('SREM', above .. ':dependencies', key) ~= 1 or call('SCARD', above .. ':dependencies') > 0 then return nil end
    local parent = read_parent(above)
    if not parent then return nil end
    local there = parent.queueKey .. ':'
    if there ~= prefix and not is_sound(there) then return nil end
    return try('ZREM', there .. 'waiting-children', parent.id) == 1 and parent
end

local function abandon_parent(prefix, key)
    local job = try('HMGET', key, 'parentKey', 'deid')
    while true do
        local above = job[1]
        local parent = find_abandoned(prefix, key, above)
        if not parent then return end
        local there = parent.queueKey .. ':'
        if there ~= prefix then
            place(there, parent.id, 0, 'RPUSH')
            wake_if_open(there, read_meta(there, try))
            return
        end
        if job[2] then call('DEL', prefix .. 'de:' .. job[2]) end
        job = try('HMGET', above, 'parentKey', 'deid')
        delete_job(above)
        key = above
    end
end
