-- SPDX-License-Identifier: MIT
-- Adds jobs that have nothing but a name, data and options: no id, place, parent or deduplication of their own. They are most jobs, so this
-- declares no function, which would be made anew in each call, and calls the server seven times for one job and three times for
-- each further one. add.lua does the rest.
--   KEYS[1]     prefix
--   ARGV[1]     now
--   ARGV[2...]  for each job: name, data, options as JSON
-- Returns their ids.
--@use keys

local ids, count = {}, (#ARGV - 1) / 3
local events = queue .. 'events'
local meta = call('HMGET', queue .. 'meta', 'paused', 'concurrency', 'opts.maxLenEvents')
local list = queue .. 'wait'
-- Of a paused queue: lib/place.lua.
if meta[1] and string.find(call('HGET', queue .. 'meta', 'version') or '', '^bullmq:[1-5]%.') then list = queue .. 'paused' end
local last = call('INCRBY', queue .. 'id', count) - count
local failure
for i = 1, count do
    local at, id = i * 3 - 1, last + i .. ''
    local stored = try('HSET', queue .. id, 'name', ARGV[at], 'data', ARGV[at + 1], 'opts', ARGV[at + 2], 'timestamp', ARGV[1],
                       'delay', '0', 'priority', '0')
    if type(stored) ~= 'number' then
        failure = stored.err
        break
    end
    ids[i] = id
end
for i = 1, failure and 0 or count, 1000 do
    local pushed = try('LPUSH', list, unpack(ids, i, math.min(i + 999, count)))
    if type(pushed) ~= 'number' then failure = pushed.err end
end
-- Where one cannot be added none is; their numbers are used up.
if failure then
    for i = 1, #ids do call('DEL', queue .. ids[i]) end
    error(failure)
end
local events_max = string.match(meta[3] or '', '^0*(%d+)$')
if not events_max or #events_max > 18 then -- lib/meta.lua
    events_max = '10000'
    try('HSET', queue .. 'meta', 'opts.maxLenEvents', events_max)
end
for i = 1, count do
    try('XADD', events, '*', 'event', 'added', 'jobId', ids[i], 'name', ARGV[i * 3 - 1])
    try('XADD', events, 'MAXLEN', '~', events_max, '*', 'event', 'waiting', 'jobId', ids[i])
end
local max, active = tonumber(meta[2]), meta[2] and try('LLEN', queue .. 'active')
if not meta[1] and not (max and type(active) == 'number' and active >= max) then
    try('ZADD', queue .. 'marker', '0', '0')
end
return ids
