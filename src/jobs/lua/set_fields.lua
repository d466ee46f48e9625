-- SPDX-License-Identifier: MIT
-- Sets fields of a job that is there: its data, its last error and stack.
--   KEYS[1]     prefix
--   ARGV[1]     id
--   ARGV[2...]  field, value ...
-- Returns 0 or -1.
--@use keys

local key = queue .. ARGV[1]
if call('EXISTS', key) == 0 then return -1 end
call('HSET', key, unpack(ARGV, 2))
return 0
