-- SPDX-License-Identifier: MIT
-- What keeps workers from taking jobs.
--   KEYS[1]  prefix
--   ARGV[1]  jobs that the caller may take in a time, or empty
-- Returns { ms until the rate allows more or 0, 1 when as many jobs are active as may be, 1 when paused }.
--@use meta

local meta = read_meta(queue)
local max = tonumber(ARGV[1]) or tonumber(meta[3] or '')
local ttl_ms = call('PTTL', queue .. 'limiter')
if max and (tonumber(call('GET', queue .. 'limiter')) or 0) < max then ttl_ms = 0 end
local is_full = count_room(queue, meta) <= 0 and not meta[1]
return { math.max(ttl_ms, 0), is_full and 1 or 0, meta[1] and 1 or 0 }
