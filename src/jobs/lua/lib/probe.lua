-- SPDX-License-Identifier: MIT
-- An error ends a script where it stands, and what it has changed stays changed: a job that has left one list and is in no other is lost.
-- So what can fail, because somebody has put something else in the place of a key (SET bull:mail:wait), comes before what cannot, or uses
-- `try`, whose error is a table, and takes back what was done. Where that is not enough, and calls are rare, keys are looked at first:
-- here. `word` is a command that counts what such a key holds: LLEN, ZCARD, SCARD, HLEN.
--@use keys

local function is_kind(word, key)
    return type(try(word, key)) == 'number'
end

-- Of a queue's key that a call cannot do without: the call is refused.
local function demand(word, key)
    if not is_kind(word, key) then
        error('WRONGTYPE ' .. word .. ' ' .. key .. ': the key holds something else, somebody has overwritten it; nothing was changed')
    end
end

-- Where jobs wait.
local function demand_places(prefix)
    demand('LLEN', prefix .. 'wait')
    demand('LLEN', prefix .. 'paused')
    demand('ZCARD', prefix .. 'prioritized')
end

local function has_places(prefix)
    return is_kind('LLEN', prefix .. 'wait') and is_kind('LLEN', prefix .. 'paused') and is_kind('ZCARD', prefix .. 'prioritized')
end

-- Whether a parent can go on: it may be of another queue than the call's.
local function is_sound(prefix)
    return has_places(prefix) and is_kind('ZCARD', prefix .. 'delayed') and is_kind('ZCARD', prefix .. 'waiting-children')
end
