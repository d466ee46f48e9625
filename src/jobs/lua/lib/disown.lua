-- SPDX-License-Identifier: MIT
-- A job that is removed holds its deduplication id no longer, and who waited for that is gone too.
--@use damage

local function drop_deduplication(prefix, id)
    local deduplication = try('HMGET', prefix .. id, 'deid')[1]
    if not deduplication or try('GET', prefix .. 'de:' .. deduplication) ~= id then return end
    call('DEL', prefix .. 'de:' .. deduplication, prefix .. 'dn:' .. deduplication)
end

-- The next run of a scheduler is removed with the scheduler alone.
local function is_next_run(prefix, id)
    local scheduler = try('HMGET', prefix .. id, 'rjk')[1]
    local at = scheduler and try('ZSCORE', prefix .. 'repeat', scheduler)
    return type(at) == 'string' and id == 'repeat:' .. scheduler .. ':' .. at
end
