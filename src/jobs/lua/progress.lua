-- SPDX-License-Identifier: MIT
-- Sets a job's progress and tells it.
--   KEYS[1]  prefix
--   ARGV[1]  id
--   ARGV[2]  progress, JSON
-- Returns 0 or -1.
--@use events meta

local key = queue .. ARGV[1]
if call('EXISTS', key) == 0 then return -1 end
call('HSET', key, 'progress', ARGV[2])
emit_and_trim(queue, get_events_max(queue), 'progress', 'jobId', ARGV[1], 'data', ARGV[2])
return 0
