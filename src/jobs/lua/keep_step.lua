-- SPDX-License-Identifier: MIT
-- Keeps the result of a step of a job (`oxq.step:<name>`), for who has the job's lock. Whose lock has ended is told so, and when nobody has
-- begun the job since, the result is kept all the same: it has been done.
--   KEYS[1]     prefix
--   ARGV[1]     id
--   ARGV[2]     token of its lock
--   ARGV[3]     how often the job had been begun when it was taken
--   ARGV[4]     field
--   ARGV[5]     result
-- Returns 0, -1 (no such job), -2 (no lock) or -6 (another's lock).
--@use keys active

local key = queue .. ARGV[1]
if call('EXISTS', key) == 0 then return -1 end
local code = check_lock(key, ARGV[2])
if code == 0 or (code == -2 and call('HGET', key, 'ats') == ARGV[3]) then call('HSET', key, ARGV[4], ARGV[5]) end
return code
