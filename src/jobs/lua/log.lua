-- SPDX-License-Identifier: MIT
-- Adds lines to a job's log.
--   KEYS[1]     prefix
--   ARGV[1]     id
--   ARGV[2]     lines to keep, the newest; 0 for all
--   ARGV[3...]  lines
-- Returns how many lines there are, or -1.
--@use keys

local key, keep = queue .. ARGV[1], tonumber(ARGV[2])
if call('EXISTS', key) == 0 then return -1 end
local count = call('RPUSH', key .. ':logs', unpack(ARGV, 3))
if keep == 0 then return count end
call('LTRIM', key .. ':logs', -keep, '-1')
return math.min(count, keep)
