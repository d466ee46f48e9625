-- SPDX-License-Identifier: MIT
-- Where jobs wait. `wait` is a list whose right end is taken first. `prioritized` is a sorted set, the lowest score first: the priority
-- times 2^32, plus a counter, so that jobs of one priority keep their order. `delayed` is one too: a job's time in ms times 4096,
-- plus its place among those of the same ms.
--@use keys

-- The list of those that wait. BullMQ up to 5 keeps the jobs of a paused queue in `paused`, and when it resumes one it renames that to
-- `wait`: what is in `wait` then is lost. Who uses a queue is in its meta.
local function waiting_list(prefix)
    local meta = try('HMGET', prefix .. 'meta', 'paused', 'version')
    local is_apart = meta[1] and meta[2] and string.find(meta[2], '^bullmq:[1-5]%.')
    return prefix .. (is_apart and 'paused' or 'wait')
end

-- One that cannot count is set to what it was in the beginning.
local function count_place(key)
    local count = try('INCR', key)
    if type(count) == 'number' then return count end
    call('SET', key, '1')
    return 1
end

-- push is LPUSH, or RPUSH to be next; it says nothing of jobs with a priority. `list` is the waiting list, where that is known. False when
-- it cannot be done.
local function place(prefix, id, priority, push, list)
    if priority == 0 then return type(try(push, list or waiting_list(prefix), id)) == 'number' end
    local count = count_place(prefix .. 'pc')
    return type(try('ZADD', prefix .. 'prioritized', priority * 0x100000000 + count % 0x100000000, id)) == 'number'
end

-- Behind all that are due in the same ms. Returns when it is due, or nil.
local function place_delayed(prefix, id, now, delay_ms)
    local due = delay_ms > 0 and now + delay_ms or tonumber(now)
    local score, last = due * 0x1000, due * 0x1000 + 0xfff
    local found = try('ZREVRANGEBYSCORE', prefix .. 'delayed', last, score, 'WITHSCORES', 'LIMIT', '0', '1')
    if found[2] then score = math.min(found[2] + 1, last) end
    return type(try('ZADD', prefix .. 'delayed', score, id)) == 'number' and due or nil
end
