-- SPDX-License-Identifier: MIT
-- Finished jobs are kept as their options say. At most a thousand go at a time, or as many as the options say.
--@use delete parents

local function forget_job(prefix, id)
    local key = prefix .. id
    local job = try('HMGET', key, 'parentKey', 'parent')
    if job[1] and job[1] ~= '' and call('EXISTS', job[1]) == 1 then leave_parent(read_parent(job[1], job[2]), key) end
    delete_job(key)
end

-- Those that finished more than so many seconds ago.
local function forget_old(prefix, set, now, age_s, limit)
    local ids = call('ZREVRANGEBYSCORE', set, now - age_s * 1000, '-inf', 'LIMIT', '0', limit)
    for i = 1, #ids do forget_job(prefix, ids[i]) end
    for i = 1, #ids, 1000 do call('ZREM', set, unpack(ids, i, math.min(i + 999, #ids))) end
end

-- All but the newest so many.
local function forget_surplus(prefix, set, count)
    local surplus = call('ZCARD', set) - count
    if surplus <= 0 then return end
    local popped = call('ZPOPMIN', set, math.min(surplus, 1000))
    for i = 1, #popped, 2 do forget_job(prefix, popped[i]) end
end
