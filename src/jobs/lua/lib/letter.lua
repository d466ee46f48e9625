-- SPDX-License-Identifier: MIT
-- Reading a dead letter (lib/dead.lua writes it). What it holds is taken as the text that stands there: decoded and encoded again, a number
-- would lose digits and [] become {}.
--@use keys

-- Where a string that begins before `at` ends.
local function skip_string(text, at)
    while true do
        local here = string.find(text, '["\\]', at)
        if not here then return #text + 1 end
        if string.byte(text, here) == 34 then return here + 1 end
        at = here + 2
    end
end

-- Without the white space around it. A pattern for both ends at once would look anew from each place in a long gap.
local function trim(text)
    local from = string.find(text, '%S')
    return from and string.match(text, '^.*%S', from) or ''
end

-- The members of a JSON object as texts.
local function split_members(text)
    local members, name, depth, from, at = {}, nil, 0, 1, 1
    while true do
        local here = string.find(text, depth > 1 and '["%[%]{}]' or '["%[%]{},:]', at)
        if not here then return members end
        local mark = string.sub(text, here, here)
        at = here + 1
        if mark == '"' then
            at = skip_string(text, at)
        elseif mark == '{' or mark == '[' then
            depth = depth + 1
            if depth == 1 then from = at end
        elseif depth == 1 then
            local part = string.sub(text, from, here - 1)
            if mark == ':' then
                name = string.match(part, '"(.*)"')
            elseif name then
                members[name], name = trim(part), nil
            end
            from = at
        end
        if mark == '}' or mark == ']' then depth = depth - 1 end
    end
end

-- The value of a text, or nil when it is of another type.
local function decode(text, kind)
    local is_json, values = pcall(cjson.decode, '[' .. (text or 'null') .. ']')
    if is_json and type(values[1]) == kind then return values[1] end
end

-- queue, id, name, timestamp, parentKey; data, opts and parent as texts; options. Nil when it is no dead letter.
local function read_letter(text)
    local m = split_members(text)
    local letter = {
        queue = decode(m.queue, 'string'), id = decode(m.id, 'string'), name = decode(m.name, 'string'), data = m.data, opts = m.opts,
        options = decode(m.opts, 'table'), timestamp = decode(m.timestamp, 'number'), parentKey = decode(m.parentKey, 'string'),
        parent = m.parent,
    }
    if not letter.options then letter.options, letter.opts = {}, '{}' end
    if not (letter.queue and letter.id and letter.name and letter.data and m.opts and m.failedReason) then return nil end
    if letter.id == '' or letter.queue == '' or string.find(letter.queue, ':', 1, true) then return nil end
    return letter
end
