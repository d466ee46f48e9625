-- SPDX-License-Identifier: MIT
-- A finished job runs again.
--@use keys

-- Its parent waits for it again.
local function join_parent(parent, key, state)
    if not parent or parent == '' or call('EXISTS', parent) == 0 then return end
    local was_done
    if state == 'failed' then
        was_done = try('ZREM', parent .. ':unsuccessful', key) == 1 or try('HDEL', parent .. ':failed', key) == 1
    else
        was_done = try('HDEL', parent .. ':processed', key) == 1
    end
    if was_done then try('SADD', parent .. ':dependencies', key) end
end
