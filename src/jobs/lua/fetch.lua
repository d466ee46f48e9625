-- SPDX-License-Identifier: MIT
-- Takes jobs for a worker.
--   KEYS[1]  prefix
--   ARGV     as lib/fetch.lua tells, and so the reply
--@use fetch

local reply = { {} }
fetch_jobs(queue, ARGV, read_meta(queue), reply)
return reply
