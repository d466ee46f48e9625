-- SPDX-License-Identifier: MIT
-- Reading a dead letter (lib/dead.lua writes it). What it holds is taken as the text that stands there: decoded and encoded again, a number
-- would lose digits and [] become {}.
--@use keys

-- Where a string that begins before `at` ends: at a quote with no backslash before it, or with pairs of them. Looking for the quote alone is much
-- faster than looking for either of them.
local function skip_string(text, at)
    while true do
        local quote = string.find(text, '"', at, true)
        if not quote then return #text + 1 end
        local from = quote
        while string.byte(text, from - 1) == 92 do from = from - 1 end
        at = quote + 1
        if (quote - from) % 2 == 0 then return at end
    end
end

-- Without the white space around it. A pattern for both ends at once would look anew from each place in a long gap.
local function trim(text)
    if not string.find(text, '^%s') and not string.find(text, '%s', -1) then return text end
    local from = string.find(text, '%S')
    return from and string.match(text, '^.*%S', from) or ''
end

-- Where the object or list ends that begins before `at`.
local function skip_nested(text, at)
    local depth = 1
    while depth > 0 do
        local here = string.find(text, '["%[%]{}]', at)
        if not here then return #text + 1 end
        local mark = string.byte(text, here)
        at = here + 1
        if mark == 34 then
            at = skip_string(text, at)
        elseif mark == 123 or mark == 91 then
            depth = depth + 1
        else
            depth = depth - 1
        end
    end
    return at
end

-- The members of a JSON object as texts.
local function split_members(text)
    local members, name, from = {}, nil, string.match(text, '^%s*{()')
    local at = from
    while at do
        local here = string.find(text, '["%[{},:]', at)
        if not here then return members end
        local mark = string.sub(text, here, here)
        at = here + 1
        if mark == '"' then
            at = skip_string(text, at)
        elseif mark == '[' or mark == '{' then
            at = skip_nested(text, at)
        else
            local part = string.sub(text, from, here - 1)
            if mark == ':' then
                name = string.match(part, '"(.*)"')
            elseif name then
                members[name], name = trim(part), nil
            end
            if mark == '}' then return members end
            from = at
        end
    end
    return members
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
