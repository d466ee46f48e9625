-- SPDX-License-Identifier: MIT
-- Finished jobs for each minute: the hash <key> has their count, the count at the last point and its time; the list `<key>:data` has the
-- points, the newest first, at most so many.
--@use keys

local function push_points(list, delta, minutes)
    local points = { delta }
    for i = 2, minutes do points[i] = 0 end
    for i = 1, minutes, 1000 do call('LPUSH', list, unpack(points, i, math.min(i + 999, minutes))) end
end

local function count_finished(key, finished, points_max, now)
    local old = call('HMGET', key, 'count', 'prevTS', 'prevCount')
    local count = (tonumber(old[1]) or 0)
    if not old[2] then
        call('HSET', key, 'count', count + finished, 'prevTS', now, 'prevCount', 0)
        return
    end
    local minutes = math.min(math.floor(now / 60000) - math.floor(old[2] / 60000), tonumber(points_max))
    if minutes <= 0 then
        call('HSET', key, 'count', count + finished)
        return
    end
    push_points(key .. ':data', count - old[3], minutes)
    call('LTRIM', key .. ':data', 0, points_max - 1)
    call('HSET', key, 'count', count + finished, 'prevTS', now, 'prevCount', count)
end
