-- SPDX-License-Identifier: MIT
-- Job schedulers.
--   KEYS[1]  prefix
--   ARGV[1]  one: ARGV[2] is its id; asc or desc: ordered by when they run next, from the ARGV[2]th, counted from 0, to the ARGV[3]th
-- Returns { how many there are, { id, when it runs next, fields } ... }.
--@use keys

local function read_schedulers(prefix, argv)
    local list, found = prefix .. 'repeat'
    if argv[1] == 'one' then
        local at = call('ZSCORE', list, argv[2])
        found = at and { argv[2], at } or {}
    else
        found = call(argv[1] == 'asc' and 'ZRANGE' or 'ZREVRANGE', list, argv[2], argv[3], 'WITHSCORES')
    end
    local reply = { call('ZCARD', list) }
    for i = 1, #found, 2 do
        reply[#reply + 1] = { found[i], found[i + 1], call('HGETALL', list .. ':' .. found[i]) }
    end
    return reply
end

return read_schedulers(queue, ARGV)
