-- SPDX-License-Identifier: MIT
-- A deduplication id is taken while `de:<id>` says by which job. A job that came meanwhile and is to run after that one waits in `dn:<id>`.
--@use events hold enqueue

-- A finished job holds its id no longer, unless the id is held for a time of its own.
local function free_deduplication(prefix, deduplication, id)
    local key = prefix .. 'de:' .. deduplication
    local ttl_ms = call('PTTL', key)
    if ttl_ms == 0 or (ttl_ms == -1 and call('GET', key) == id) then call('DEL', key) end
end

local function add_optional(fields, name, value)
    if value then
        fields[#fields + 1] = name
        fields[#fields + 1] = value
    end
end

-- The job that waited becomes one.
local function add_next(prefix, deduplication, now)
    local stored = prefix .. 'dn:' .. deduplication
    local new = call('HMGET', stored, 'name', 'data', 'opts', 'pk', 'pd', 'pdk', 'rjk', 'jid')
    if not new[3] then return end
    local counted = string.format('%d', call('INCR', prefix .. 'id'))
    local id = new[8] or counted
    local options = cjson.decode(new[3])
    hold_deduplication(prefix .. 'de:' .. deduplication, id, options.de)

    local fields = { 'name', new[1], 'data', new[2], 'opts', new[3], 'timestamp', now, 'delay', options.delay or 0,
                     'priority', options.priority or 0 }
    add_optional(fields, 'parentKey', new[4])
    add_optional(fields, 'parent', new[5])
    add_optional(fields, 'rjk', new[7])
    add_optional(fields, 'deid', options.de and options.de.id)
    call('HSET', prefix .. id, unpack(fields))
    emit(prefix, 'added', 'jobId', id, 'name', new[1])
    enqueue_next(prefix, id, options, now)
    if new[6] then call('SADD', new[6], prefix .. id) end
    call('DEL', stored)
end

local function end_deduplication(prefix, deduplication, id, now)
    free_deduplication(prefix, deduplication, id)
    add_next(prefix, deduplication, now)
end
