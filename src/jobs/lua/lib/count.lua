-- SPDX-License-Identifier: MIT
-- Numbers among a job's fields. One that somebody made a text of counts as 0.
--@use keys

local function count_up(key, field)
    local count = math.floor(tonumber(call('HGET', key, field)) or 0) + 1
    call('HSET', key, field, count)
    return count
end
