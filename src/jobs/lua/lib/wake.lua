-- SPDX-License-Identifier: MIT
-- Telling idle workers what came (lib/marker.lua).
--@use marker meta

-- Not while the queue is paused, or as many are active as its global concurrency allows.
local function wake_if_open(prefix, meta)
    if count_room(prefix, meta) > 0 then wake_workers(prefix) end
end

-- Workers come back when the first delayed job is due.
local function mark_delayed(prefix)
    local first = try('ZRANGE', prefix .. 'delayed', '0', '0', 'WITHSCORES')
    if first[2] then try('ZADD', prefix .. 'marker', first[2] / 0x1000, '1') end
end
