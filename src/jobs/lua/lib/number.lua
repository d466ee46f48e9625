-- SPDX-License-Identifier: MIT
-- The numbers of jobs that come without an id.
--@use probe

-- Nil when `id` is no number. No memory, or a replica, is another matter: nothing has been changed then.
local function next_number(prefix)
    local number = try('INCR', prefix .. 'id')
    if type(number) == 'number' then return number end
    if not string.find(number.err, 'WRONGTYPE', 1, true) and not string.find(number.err, 'not an integer', 1, true) and
       not string.find(number.err, 'overflow', 1, true) then
        error(number.err)
    end
    return nil
end

-- A number as an id, or nil. Some whose keys somebody uses for something else are left out.
local function free_id(prefix)
    for _ = 1, 100 do
        local number = next_number(prefix)
        local id = number and string.format('%d', number)
        if not id or is_kind('HLEN', prefix .. id) then return id end
    end
    return nil
end
