-- SPDX-License-Identifier: MIT
-- Pauses a queue: no worker takes a job until it is resumed. Where BullMQ keeps the jobs of a paused queue apart (lib/place.lua), they go
-- there, at once or, when there are others, at most 5,000 at a time.
--   KEYS[1]  prefix
-- Returns how many are left in `wait`: pause again.
--@use events place probe

local function set_apart(wait, list)
    if call('EXISTS', wait) == 0 then return 0 end
    if call('EXISTS', list) == 0 then
        call('RENAME', wait, list)
        return 0
    end
    for _ = 1, 5000 do
        if not call('RPOPLPUSH', wait, list) then break end
    end
    return call('LLEN', wait)
end

demand('LLEN', queue .. 'wait')
demand('LLEN', queue .. 'paused')
call('HSET', queue .. 'meta', 'paused', '1')
call('DEL', queue .. 'marker')
local wait, list, left = queue .. 'wait', waiting_list(queue), 0
if list ~= wait then left = set_apart(wait, list) end
if left == 0 then emit(queue, 'paused') end
return left
