-- SPDX-License-Identifier: MIT
-- Leaving `active`: only who holds the job's lock may take it away from there.
--@use keys

-- 0, or why not: no lock, or another's.
local function check_lock(key, token)
    if token == '0' then return 0 end
    local holder = try('GET', key .. ':lock')
    if holder == token then return 0 end
    return holder and -6 or -2
end

local function unlock(prefix, id, token)
    if token == '0' then return end
    call('DEL', prefix .. id .. ':lock')
    try('SREM', prefix .. 'stalled', id)
end
