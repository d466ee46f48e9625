-- SPDX-License-Identifier: MIT
-- Finished jobs for each minute: the hash <key> has their count, the count at the last point and its time; the list `<key>:data` has the
-- points, the newest first, at most so many. Jobs finish all the same where something else is in their place.
--@use count

local function push_points(list, delta, minutes)
    local points = { delta }
    for i = 2, minutes do points[i] = 0 end
    for i = 1, minutes, 1000 do try('LPUSH', list, unpack(points, i, math.min(i + 999, minutes))) end
end

local function count_finished(key, finished, points_max, now)
    local old = try('HMGET', key, 'count', 'prevTS', 'prevCount')
    local count, last = whole(old[1]) or 0, whole(old[2])
    if not last then
        try('HSET', key, 'count', count + finished, 'prevTS', now, 'prevCount', '0')
        return
    end
    local minutes = math.min(math.floor(now / 60000) - math.floor(last / 60000), tonumber(points_max))
    if minutes <= 0 then
        try('HSET', key, 'count', count + finished)
        return
    end
    push_points(key .. ':data', count - (whole(old[3]) or 0), minutes)
    try('LTRIM', key .. ':data', '0', points_max - 1)
    try('HSET', key, 'count', count + finished, 'prevTS', now, 'prevCount', count)
end
