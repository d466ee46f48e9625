-- SPDX-License-Identifier: MIT
-- Resumes a paused queue. Jobs of a list `paused`, where older versions of BullMQ kept what was added meanwhile, come back to `wait` before
-- those that are there, at most 5,000 at a time.
--   KEYS[1]  prefix
-- Returns how many are left in `paused`: resume again.
--@use events wake probe

demand('LLEN', queue .. 'wait')
demand('LLEN', queue .. 'paused')
call('HDEL', queue .. 'meta', 'paused')
local left = call('LLEN', queue .. 'paused')
if left > 0 then
    local ids = call('LRANGE', queue .. 'paused', '0', '4999')
    call('RPUSH', queue .. 'wait', unpack(ids))
    call('LTRIM', queue .. 'paused', #ids, '-1')
    left = left - #ids
end
if call('EXISTS', queue .. 'wait', queue .. 'prioritized') > 0 then
    wake_workers(queue)
else
    mark_delayed(queue)
end
if left == 0 then emit(queue, 'resumed') end
return left
