-- SPDX-License-Identifier: MIT
-- A job leaves wherever it is.
--@use keys

local lists = { 'wait', 'paused', 'active' }

-- These return where it was: nil, it is in no set; 'unknown', it is in no list either.
local function take_out_of_sets(prefix, id)
    local sets = { 'completed', 'waiting-children', 'delayed', 'failed', 'prioritized' }
    for i = 1, #sets do
        if try('ZREM', prefix .. sets[i], id) == 1 then return sets[i] end
    end
end

-- A walk: from the end at which the oldest are, which go first when many are removed.
local function take_out_of_lists(prefix, id)
    for i = 1, #lists do
        if try('LREM', prefix .. lists[i], '-1', id) == 1 then return lists[i] end
    end
    return 'unknown'
end

local function take_out(prefix, id)
    return take_out_of_sets(prefix, id) or take_out_of_lists(prefix, id)
end
