-- SPDX-License-Identifier: MIT
-- Adds jobs, all at once: one, many, or trees of parents and children over several queues. See add_plain.lua too.
--   KEYS[1]     prefix
--   ARGV[1]     now
--   ARGV[2]     how many jobs take their numbers together: all of them, or 0 when each takes it in its turn (it may have no parent, or be
--               of another queue); -1 is 0, and more children of the last job's parent follow in the next call; -2 is 0, and none is
--               added when one is refused
--   ARGV[3...]  for each job: its id, or empty for its number, name, data, options as JSON, and empty or a map (MessagePack) of
--                 timestamp  when it was made, if not now          lifo      true to be next
--                 delay      ms                                    children  true when it waits for children
--                 priority                                         queue     prefix, if not KEYS[1]
--                 parent     list: prefix of its queue, its id, and as JSON what the child keeps of it
--                 de         map: id, ttl, extend, replace, reschedule, keepLastIfActive
-- Returns for each its id; or the id of the job that holds its deduplication id; or why it was not added, a number below 0. A job whose id
-- exists is not added either. Of those that are added all or none, the others return -105 when one is refused.
--@use meta events place wake delete number

-- What is known of a queue in this call. Jobs go to `wait` together, at the end.
local function open_queue(batch, prefix)
    local meta = prefix == batch.prefix and batch.meta or read_meta(prefix, try)
    local q = { prefix = prefix, meta = meta, waiting = {} }
    batch.queues[prefix] = q
    return q
end

-- Jobs that cannot wait are not there either.
local function take_back(prefix, ids, why)
    for i = 1, #ids do delete_job(prefix .. ids[i]) end
    error(why)
end

local function close_queue(q)
    local ids = q.waiting
    local list = #ids > 0 and q.meta[1] and waiting_list(q.prefix) or q.prefix .. 'wait'
    for i = 1, #ids, 1000 do
        local pushed = try('LPUSH', list, unpack(ids, i, math.min(i + 999, #ids)))
        if type(pushed) ~= 'number' then take_back(q.prefix, ids, pushed.err) end
    end
    if q.has_delayed then mark_delayed(q.prefix) end
end

-- ---------------------------------------------------------------- a job that is there

-- The child may be done: then its parent need not wait for it. All children of this call are added before the parent may go.
local function adopt(batch, q, id, parent)
    local key = q.prefix .. id
    local parent_key = parent[1] .. parent[2]
    if type(try('ZSCORE', q.prefix .. 'completed', id)) == 'string' then
        try('HSET', parent_key .. ':processed', key, call('HGET', key, 'returnvalue') or 'null')
        if batch.ready[parent_key] == nil then batch.ready[parent_key] = parent end
    else
        try('SADD', parent_key .. ':dependencies', key)
    end
    call('HSET', key, 'parentKey', parent_key, 'parent', parent[3])
end

local function meet_existing(batch, q, id, parent)
    if parent then
        local parent_key = parent[1] .. parent[2]
        local old = try('HGET', q.prefix .. id, 'parentKey')
        if type(old) == 'table' then return -106 end
        if old and old ~= parent_key and call('EXISTS', old) == 1 then
            batch.ready[parent_key] = false
            return -7
        end
        adopt(batch, q, id, parent)
    end
    emit_and_trim(q.prefix, events_max_of(q.prefix, q.meta), 'duplicated', 'jobId', id)
    return id
end

-- ---------------------------------------------------------------- a new job

local function wake(q)
    if q.is_awake then return end
    q.is_awake = true
    wake_if_open(q.prefix, q.meta)
end

-- False when it cannot.
local function enqueue(q, id, timestamp, more)
    local prefix = q.prefix
    if more.children then
        if type(try('ZADD', prefix .. 'waiting-children', timestamp, id)) ~= 'number' then return false end
        emit_and_trim(prefix, events_max_of(prefix, q.meta), 'waiting-children', 'jobId', id)
    elseif more.delay then
        local due = place_delayed(prefix, id, timestamp, more.delay)
        if not due then return false end
        q.has_delayed = true
        emit_and_trim(prefix, events_max_of(prefix, q.meta), 'delayed', 'jobId', id, 'delay', due)
    else
        if more.priority or more.lifo then
            if not place(prefix, id, more.priority or 0, 'RPUSH') then return false end
        else
            q.waiting[#q.waiting + 1] = id
        end
        wake(q)
        emit_and_trim(prefix, events_max_of(prefix, q.meta), 'waiting', 'jobId', id)
    end
    return true
end

-- False when its key is something else.
local function store(prefix, id, timestamp, more, argv, i, ...)
    local name = argv[i + 1]
    local stored = try('HSET', prefix .. id, 'name', name, 'data', argv[i + 2], 'opts', argv[i + 3], 'timestamp', timestamp,
                       'delay', more.delay or 0, 'priority', more.priority or 0, ...)
    if type(stored) ~= 'number' then return false end
    emit(prefix, 'added', 'jobId', id, 'name', name)
    return true
end

local function store_child(prefix, id, timestamp, more, argv, i, parent)
    local key = parent[1] .. parent[2]
    if not store(prefix, id, timestamp, more, argv, i, 'parentKey', key, 'parent', parent[3]) then return false end
    try('SADD', key .. ':dependencies', prefix .. id)
    return true
end

local function store_any(prefix, id, timestamp, more, argv, i)
    if more.parent then return store_child(prefix, id, timestamp, more, argv, i, more.parent) end
    if more.de then return store(prefix, id, timestamp, more, argv, i, 'deid', more.de.id) end
    return store(prefix, id, timestamp, more, argv, i)
end

local function add_job(batch, i, number)
    local argv = batch.argv
    local more = argv[i + 4] == '' and batch.nothing or cmsgpack.unpack(argv[i + 4])
    local prefix, parent, de = more.queue or batch.prefix, more.parent, more.de
    if parent and call('EXISTS', parent[1] .. parent[2]) == 0 then return -5 end

    local q = batch.queues[prefix] or open_queue(batch, prefix)
    local id, timestamp = argv[i], more.timestamp or argv[1]
    number = number or next_number(prefix)
    if not number then return -106 end
    if id == '' then
        id = number .. ''
    elseif call('EXISTS', prefix .. id) == 1 then
        return meet_existing(batch, q, id, parent)
    end
    if de then
        --@use claim
        local holder = find_holder(q, id, timestamp, more, argv, i)
        if holder then return holder end
    end

    if not store_any(prefix, id, timestamp, more, argv, i) then return -106 end
    if enqueue(q, id, timestamp, more) then return id end
    delete_job(prefix .. id)
    if parent then try('SREM', parent[1] .. parent[2] .. ':dependencies', prefix .. id) end
    return -106
end

-- ---------------------------------------------------------------- all of them

local function add_jobs(batch)
    local argv, replies = batch.argv, {}
    local numbered = tonumber(argv[2])
    local number = numbered > 0 and call('INCRBY', batch.prefix .. 'id', numbered) - numbered
    for i = 3, #argv, 5 do
        number = number and number + 1
        replies[#replies + 1] = add_job(batch, i, number)
    end
    for _, q in pairs(batch.queues) do close_queue(q) end
    if numbered == -1 then
        local parent = cmsgpack.unpack(argv[#argv]).parent
        batch.ready[parent[1] .. parent[2]] = nil
    end
    if next(batch.ready) then
        --@use release
        for _, parent in pairs(batch.ready) do
            if parent and try('SCARD', parent[1] .. parent[2] .. ':dependencies') == 0 then
                release_waiting_parent(parent[1], parent[2], argv[1])
            end
        end
    end
    return replies
end

local batch = { prefix = queue, meta = read_meta(queue), argv = ARGV, queues = {}, ready = {}, nothing = {} }
if ARGV[2] == '-2' then
    --@use look
    local refusals = look_through(batch)
    if refusals then return refusals end
end
return add_jobs(batch)
