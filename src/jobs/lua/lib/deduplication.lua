-- SPDX-License-Identifier: MIT
-- A deduplication id is taken while `de:<id>` says by which job. A job that came meanwhile and is to run after that one waits in `dn:<id>`.
--@use keys

-- A finished job holds its id no longer, unless the id is held for a time of its own.
local function free_deduplication(prefix, deduplication, id)
    local key = prefix .. 'de:' .. deduplication
    local ttl_ms = call('PTTL', key)
    if ttl_ms == 0 or (ttl_ms == -1 and try('GET', key) == id) then call('DEL', key) end
end

local function add_optional(fields, name, value)
    if value then
        fields[#fields + 1] = name
        fields[#fields + 1] = value
    end
end

-- The job that waited becomes one. It goes on waiting where its queue cannot take it.
local function add_next(prefix, deduplication, now)
    local stored = prefix .. 'dn:' .. deduplication
    local new = try('HMGET', stored, 'name', 'data', 'opts', 'pk', 'pd', 'pdk', 'rjk', 'jid')
    if not new[3] then return end
    --@use meta events hold enqueue number probe
    if not has_places(prefix) or not is_kind('ZCARD', prefix .. 'delayed') then return end
    local counted = free_id(prefix)
    local id = new[8] or counted
    if not id or not is_kind('HLEN', prefix .. id) then return end
    local is_json, options = pcall(cjson.decode, new[3])
    if not is_json or type(options) ~= 'table' then options = {} end
    local de = type(options.de) == 'table' and options.de
    local delay_ms, priority = whole(options.delay) or 0, whole(options.priority) or 0
    hold_deduplication(prefix .. 'de:' .. deduplication, id, de)

    local name = new[1] or ''
    local fields = { 'name', name, 'data', new[2] or '{}', 'opts', new[3], 'timestamp', now, 'delay', delay_ms, 'priority', priority }
    add_optional(fields, 'parentKey', new[4])
    add_optional(fields, 'parent', new[5])
    add_optional(fields, 'rjk', new[7])
    add_optional(fields, 'deid', de and type(de.id) == 'string' and de.id)
    call('HSET', prefix .. id, unpack(fields))
    emit(prefix, 'added', 'jobId', id, 'name', name)
    enqueue_next(prefix, id, { delay = delay_ms, priority = priority, lifo = options.lifo }, now, read_meta(prefix))
    if new[6] then try('SADD', new[6], prefix .. id) end
    call('DEL', stored)
end

local function end_deduplication(prefix, deduplication, id, now)
    free_deduplication(prefix, deduplication, id)
    add_next(prefix, deduplication, now)
end
