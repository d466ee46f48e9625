-- SPDX-License-Identifier: MIT
-- Gives up a deduplication id, if this job holds it.
--   KEYS[1]  prefix
--   ARGV[1]  the deduplication id
--   ARGV[2]  the job's id
-- Returns 1, or 0: it is another's, or nobody's.
--@use keys

local key = queue .. 'de:' .. ARGV[1]
if call('GET', key) ~= ARGV[2] then return 0 end
return call('DEL', key)
