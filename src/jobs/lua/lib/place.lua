-- SPDX-License-Identifier: MIT
-- Where jobs wait. `wait` is a list whose right end is taken first. `prioritized` is a sorted set, the lowest score first: the priority
-- times 2^32, plus a counter, so that jobs of one priority keep their order. `delayed` is one too: a job's time in ms times 4096,
-- plus its place among those of the same ms.
--@use keys

-- The list of those that wait. BullMQ up to 5 keeps the jobs of a paused queue in `paused`, and when it resumes one it renames that to `wait`: what
-- is in `wait` then is lost. Who uses a queue is in its meta.
local function waiting_list(prefix)
    local meta = call('HMGET', prefix .. 'meta', 'paused', 'version')
    local is_apart = meta[1] and meta[2] and string.find(meta[2], '^bullmq:[1-5]%.')
    return prefix .. (is_apart and 'paused' or 'wait')
end

-- push is LPUSH, or RPUSH to be next; it says nothing of jobs with a priority. `list` is the waiting list, where that is known.
local function place(prefix, id, priority, push, list)
    if priority == 0 then
        call(push, list or waiting_list(prefix), id)
    else
        local count = call('INCR', prefix .. 'pc')
        call('ZADD', prefix .. 'prioritized', priority * 0x100000000 + count % 0x100000000, id)
    end
end

-- Behind all that are due in the same ms. Returns when it is due.
local function place_delayed(prefix, id, now, delay_ms)
    local due = delay_ms > 0 and now + delay_ms or tonumber(now)
    local score, last = due * 0x1000, due * 0x1000 + 0xfff
    local found = call('ZREVRANGEBYSCORE', prefix .. 'delayed', last, score, 'WITHSCORES', 'LIMIT', 0, 1)
    if found[2] then score = math.min(found[2] + 1, last) end
    call('ZADD', prefix .. 'delayed', score, id)
    return due
end
