-- SPDX-License-Identifier: MIT
-- Numbers that somebody may have made texts of, or numbers that nothing counts to.
--@use keys

-- Nil, too, for one that is not one (NaN).
local function number(text)
    local n = tonumber(text)
    return n == n and n or nil
end

-- 0 and more, as far as numbers are exact; else nil.
local function whole(text)
    local n = tonumber(text)
    return n and n >= 0 and n <= 9007199254740991 and math.floor(n) == n and n + 0 or nil
end

-- How many a key holds, as the command says (LLEN, ZCARD, SCARD, HLEN); of something else, 0.
local function size_of(word, key)
    local count = try(word, key)
    return type(count) == 'number' and count or 0
end

-- One that is none counts as 0.
local function count_up(key, field)
    local count = try('HINCRBY', key, field, '1')
    if type(count) == 'number' then return count end
    call('HSET', key, field, '1')
    return 1
end
