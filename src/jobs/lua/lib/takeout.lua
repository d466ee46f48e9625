-- SPDX-License-Identifier: MIT
-- A job leaves wherever it is.
--@use keys

-- Returns where it was.
local function take_out(prefix, id)
    local sets = { 'completed', 'waiting-children', 'delayed', 'failed', 'prioritized' }
    for i = 1, #sets do
        if try('ZREM', prefix .. sets[i], id) == 1 then return sets[i] end
    end
    local lists = { 'wait', 'paused', 'active' }
    for i = 1, #lists do
        if try('LREM', prefix .. lists[i], '1', id) == 1 then return lists[i] end
    end
    return 'unknown'
end
