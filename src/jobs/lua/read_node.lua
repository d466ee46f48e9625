-- SPDX-License-Identifier: MIT
-- A job of a flow and the keys of its children.
--   KEYS[1]      prefix
--   ARGV[1]      id
--   ARGV[2]      children of each state to tell, at least; 0 for none
--   ARGV[3] ...  fields of the job to tell; none: all
-- Returns { fields, { processed }, { pending }, { failed }, { ignored }, how many children there are, where it is }.
--@use keys

local key, max = queue .. ARGV[1], tonumber(ARGV[2])

local function read_fields()
    if #ARGV == 2 then return call('HGETALL', key) end
    local values, fields = call('HMGET', key, unpack(ARGV, 3)), {}
    for i = 1, #values do
        if values[i] then
            fields[#fields + 1], fields[#fields + 2] = ARGV[i + 2], values[i]
        end
    end
    return fields
end

-- Every second item of a hash's scan is a value.
local function scan_hash(set)
    local found, names = call('HSCAN', set, '0', 'COUNT', max)[2], {}
    for i = 1, math.min(#found, 2 * max), 2 do names[#names + 1] = found[i] end
    return names
end

local function scan_set(set)
    local found = call('SSCAN', set, '0', 'COUNT', max)[2]
    for i = #found, max + 1, -1 do found[i] = nil end
    return found
end

-- Not whether it is in `wait`, which may be long: where else would it be?
local function find_place(prefix, id)
    local sets = { 'completed', 'failed', 'delayed', 'prioritized', 'waiting-children' }
    for i = 1, #sets do
        if call('ZSCORE', prefix .. sets[i], id) then return sets[i] end
    end
    return call('LPOS', prefix .. 'active', id) and 'active' or 'wait'
end

local reply = { read_fields(), {}, {}, {}, {}, 0, find_place(queue, ARGV[1]) }
if max > 0 then
    reply[2], reply[3] = scan_hash(key .. ':processed'), scan_set(key .. ':dependencies')
    reply[4], reply[5] = call('ZRANGE', key .. ':unsuccessful', '0', max - 1), scan_hash(key .. ':failed')
end
reply[6] = call('HLEN', key .. ':processed') + call('SCARD', key .. ':dependencies') +
           call('ZCARD', key .. ':unsuccessful') + call('HLEN', key .. ':failed')
return reply
