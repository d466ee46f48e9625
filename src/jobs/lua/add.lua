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
--@use meta place marker release delete hold number

-- What is known of a queue in this call. Jobs go to `wait` together, at the end.
local function open_queue(batch, prefix)
    local meta = prefix == batch.prefix and batch.meta or try_meta(prefix)
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

-- ---------------------------------------------------------------- deduplication

local function tell_deduplicated(q, kept, dropped, de)
    emit_and_trim(q.prefix, events_max_of(q.prefix, q.meta), 'deduplicated', 'jobId', kept, 'deduplicationId', de.id, 'deduplicatedJobId', dropped)
end

-- While the holder is active, the newest job waits for its end.
local function keep_next(q, holder, id, de, argv, i)
    local prefix = q.prefix
    if not de.keepLastIfActive or type(try('LPOS', prefix .. 'active', holder)) ~= 'number' then return false end
    local key = prefix .. 'dn:' .. de.id
    call('DEL', key)
    call('HSET', key, 'name', argv[i + 1], 'data', argv[i + 2], 'opts', argv[i + 3], 'jid', id)
    call('PERSIST', prefix .. 'de:' .. de.id)
    tell_deduplicated(q, holder, id, de)
    return true
end

-- The job takes the place of a holder that is delayed, and of one that waited for that.
local function replace_holder(q, holder, id, de)
    local prefix, key = q.prefix, q.prefix .. 'de:' .. de.id
    if q.has_delayed then mark_delayed(prefix) end
    q.has_delayed = false
    if try('ZREM', prefix .. 'delayed', holder) ~= 1 then return false end
    delete_job(prefix .. holder)
    call('DEL', prefix .. 'dn:' .. de.id)
    emit(prefix, 'removed', 'jobId', holder, 'prev', 'delayed')
    tell_deduplicated(q, id, holder, de)
    if de.ttl and not de.extend and not de.keepLastIfActive then
        call('SET', key, id, 'KEEPTTL')
    else
        hold_deduplication(key, id, de)
    end
    return true
end

-- A holder that is gone without a word, in a failure of the server, holds no longer.
local function is_stale(q, holder, key)
    return call('PTTL', key) == -1 and call('EXISTS', q.prefix .. holder) == 0
end

local function reschedule(q, holder, timestamp, delay_ms)
    local prefix = q.prefix
    if type(try('ZSCORE', prefix .. 'delayed', holder)) ~= 'string' then return end
    try('HSET', prefix .. holder, 'delay', delay_ms)
    local due = place_delayed(prefix, holder, timestamp, delay_ms)
    q.has_delayed = true
    emit_and_trim(prefix, events_max_of(prefix, q.meta), 'delayed', 'jobId', holder, 'delay', due)
end

-- Returns who holds the deduplication id, when that is not this job. What is no text is nobody's.
local function find_holder(q, id, timestamp, more, argv, i)
    local de = more.de
    local key = q.prefix .. 'de:' .. de.id
    local holder = try('GET', key)
    holder = type(holder) == 'string' and holder
    local can_replace = de.replace and not more.children
    if holder and can_replace and replace_holder(q, holder, id, de) then return nil end
    if holder and is_stale(q, holder, key) then
        call('DEL', q.prefix .. 'dn:' .. de.id)
        holder = nil
    end
    if not holder then
        hold_deduplication(key, id, de)
        return nil
    end
    if not keep_next(q, holder, id, de, argv, i) and not can_replace then
        if de.extend and de.ttl then hold_deduplication(key, holder, de) end
        tell_deduplicated(q, holder, id, de)
    end
    if de.reschedule and not can_replace and not more.children then reschedule(q, holder, timestamp, more.delay or 0) end
    return holder
end

-- ---------------------------------------------------------------- a new job

local function wake(q)
    if q.is_awake then return end
    q.is_awake = true
    if count_room(q.prefix, q.meta) > 0 then wake_workers(q.prefix) end
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
    local holder = de and find_holder(q, id, timestamp, more, argv, i)
    if holder then return holder end

    if not store_any(prefix, id, timestamp, more, argv, i) then return -106 end
    if enqueue(q, id, timestamp, more) then return id end
    delete_job(prefix .. id)
    if parent then try('SREM', parent[1] .. parent[2] .. ':dependencies', prefix .. id) end
    return -106
end

-- ---------------------------------------------------------------- all or none

-- Will the job not be there, because another holds its deduplication id?
local function is_held_off(look, key, prefix, de)
    local holder_key = prefix .. 'de:' .. de.id
    local holder = try('GET', holder_key)
    local is_held = look.held[holder_key] or type(holder) == 'string' and not is_stale({ prefix = prefix }, holder, holder_key)
    look.held[holder_key] = true
    return is_held and not (key and call('EXISTS', key) == 1)
end

-- The parent that a job has, or will have when those before it were added.
local function parent_of(look, key)
    return look.parents[key] or call('HGET', key, 'parentKey')
end

local function refusal_of(look, key, parent_key)
    if not look.parents[parent_key] and call('EXISTS', parent_key) == 0 then return -5 end
    local old = key and parent_of(look, key)
    if not old or old == '' or old == parent_key then return nil end
    if look.parents[old] or call('EXISTS', old) == 1 then return -7 end
    return nil
end

-- Goes through the jobs as add_job will, and changes nothing. look.parents: of the jobs that will be there, the key of its parent or ''.
local function look_through(batch)
    local argv, look, replies, is_refused = batch.argv, { parents = {}, held = {} }, {}, false
    for i = 3, #argv, 5 do
        local more = argv[i + 4] == '' and batch.nothing or cmsgpack.unpack(argv[i + 4])
        local prefix, parent = more.queue or batch.prefix, more.parent
        local key = argv[i] ~= '' and prefix .. argv[i]
        local parent_key = parent and parent[1] .. parent[2]
        local number = parent_key and refusal_of(look, key, parent_key)
        local is_there = not number and not (more.de and is_held_off(look, key, prefix, more.de))
        if key and is_there then look.parents[key] = parent_key or parent_of(look, key) or '' end
        is_refused = is_refused or number
        replies[#replies + 1] = number or -105
    end
    return is_refused and replies
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
    for _, parent in pairs(batch.ready) do
        if parent then release_ready_parent(parent[1], parent[2], argv[1]) end
    end
    return replies
end

local batch = { prefix = queue, meta = read_meta(queue), argv = ARGV, queues = {}, ready = {}, nothing = {} }
return ARGV[2] == '-2' and look_through(batch) or add_jobs(batch)
