-- SPDX-License-Identifier: MIT
-- Ends a job scheduler; its next run goes with it if it is still delayed.
--   KEYS[1]  prefix
--   ARGV[1]  its id
-- Returns 1, or 0: there is none.
--@use events delete

local function remove_scheduler(prefix, id)
    local at = call('ZSCORE', prefix .. 'repeat', id)
    if not at then return 0 end
    local run = 'repeat:' .. id .. ':' .. at
    if try('ZREM', prefix .. 'delayed', run) == 1 then
        delete_job(prefix .. run)
        emit(prefix, 'removed', 'jobId', run, 'prev', 'delayed')
    end
    call('ZREM', prefix .. 'repeat', id)
    call('DEL', prefix .. 'repeat:' .. id)
    return 1
end

return remove_scheduler(queue, ARGV[1])
