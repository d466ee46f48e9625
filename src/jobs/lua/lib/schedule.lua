-- SPDX-License-Identifier: MIT
-- Job schedulers. The sorted set `repeat` has their ids and when each runs next, in ms; the hash `repeat:<id>` what they make. The job of a
-- run is `repeat:<id>:<ms>`: the id makes sure that no run is made twice, whoever makes it.
--@use events enqueue probe

-- The times of `every` are this far behind its multiples.
local function offset_of(next_ms, every)
    return next_ms - math.floor(next_ms / every) * every
end

-- The first time after now that is `offset` behind a multiple.
local function align(now, every, offset)
    local at = math.floor(now / every) * every + offset
    return at <= now and at + every or at
end

-- The run after that of prev, or, without one, the first. Runs whose time has passed are left out.
local function next_slot(prev, every, now, offset, start)
    if prev then
        local at = prev + every
        return at < now and align(now, every, offset) or at
    end
    if start then return math.max(start, now) end
    return offset > 0 and align(now, every, offset) or now
end

-- Where a run will be.
local function demand_place(prefix, delay_ms, priority)
    if delay_ms > 0 then
        demand('ZCARD', prefix .. 'delayed')
    elseif priority > 0 then
        demand('ZCARD', prefix .. 'prioritized')
    else
        demand('LLEN', waiting_list(prefix))
    end
end

-- All or nothing. `open` is the JSON of the options without its end, where what is known only here is put. The map `more`: priority, lifo,
-- de.
local function add_run(prefix, scheduler, at, name, data, open, more, now)
    local id = 'repeat:' .. scheduler .. ':' .. at
    local delay_ms, meta = math.max(at - now, 0), read_meta(prefix)
    demand_place(prefix, delay_ms, more.priority or 0)
    local opts = open .. ',"delay":' .. delay_ms .. ',"jobId":' .. cjson.encode(id) .. '}'
    try('INCR', prefix .. 'id')
    call('HSET', prefix .. id, 'name', name, 'data', data, 'opts', opts, 'timestamp', now, 'delay', delay_ms,
         'priority', more.priority or 0, 'rjk', scheduler)
    if more.de then call('HSET', prefix .. id, 'deid', more.de) end
    emit(prefix, 'added', 'jobId', id, 'name', name)
    enqueue_next(prefix, id, { delay = delay_ms, priority = more.priority, lifo = more.lifo }, now, meta)
    return id, delay_ms
end
