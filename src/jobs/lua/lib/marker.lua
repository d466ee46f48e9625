-- SPDX-License-Identifier: MIT
-- The sorted set `marker`, on which idle workers wait with BZPOPMIN. Member `0` with score 0: there is a job to take now. Member `1`
-- with a time in ms as score: the next delayed job is due then. Workers that wait at something else are told so by the server.
--@use keys

local function wake_workers(prefix)
    try('ZADD', prefix .. 'marker', '0', '0')
end
