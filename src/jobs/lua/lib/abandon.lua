-- SPDX-License-Identifier: MIT
-- Many jobs of a queue are removed. A parent in the same queue that waited for the last of them goes too; one of another queue waits.
--@use delete parents damage

local function abandon_parent(prefix, key)
    local job = try('HMGET', key, 'parentKey', 'deid')
    local above = job[1]
    if not above or above == '' or call('EXISTS', above) == 0 then return end
    if call('SREM', above .. ':dependencies', key) == 0 or call('SCARD', above .. ':dependencies') > 0 then return end
    local parent = read_parent(above)
    local there = parent.queueKey .. ':'
    if call('ZREM', there .. 'waiting-children', parent.id) == 0 then return end
    if there ~= prefix then
        place(there, parent.id, 0, 'RPUSH')
        if not is_closed(there) then wake_workers(there) end
        return
    end
    abandon_parent(prefix, above)
    delete_job(above)
    if job[2] then call('DEL', prefix .. 'de:' .. job[2]) end
end
