-- Whether the store is there and what it is called, how late it is there, and whether it settles.
-- KEYS: its name, the check of the fleet's key, how late it was when last seen, what is there while it settles, and the mark
-- of who asks. ARGV: a name and a check for one that has none; whether it is joined; for how many milliseconds it is kept, or
-- 0; for how long a new one settles; and of who asks, how late it is by its count, its last mark, the name it knows,
-- and the shortest silence that ends a session.
local MARKED = 7200000 -- for how long a mark is there
-- Who is there says so twice a second: if nobody did for so long, nobody was; and if for so long, it may have been out of reach.
local GONE, AWAY = 5000, 1500
local joins, keep, settles, mark = ARGV[3] == '1', tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[7])
-- Its clock may be set back: what was written by then stays as old as it is. A clock that is set back is as far behind from
-- then on, and does not stand still.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local late = math.max(now, tonumber(ARGV[6]))
local seen, by = string.match(redis.call('GET', KEYS[3]) or '', '^(%d+) (%d+)$')
if seen then late = math.max(late, tonumber(seen), now + seen - by) end
-- The mark is gone, though the name is not: an old copy has taken the place of what was there. That is another store. But a
-- mark that was written so long ago is gone by itself.
local is_known, old = redis.call('GET', KEYS[1]) == ARGV[8], false
if is_known then
  local there = tonumber(redis.call('GET', KEYS[5]) or '')
  if there then old = there < mark else old = late - mark < MARKED end
end
if not joins and (old or not is_known) then return {'', '', '0', 0} end
local named = false
if joins then
  named = old and redis.call('SET', KEYS[1], ARGV[1]) or redis.call('SET', KEYS[1], ARGV[1], 'NX')
  redis.call('SET', KEYS[2], ARGV[2], 'NX')
end
-- Who starts knows no name: if nobody was there for long, it may be an old copy, of which those who know it will say so. And
-- what began and ended while it was out of reach is not told yet.
local alone = by and now - by or math.huge
local unsure = ARGV[8] == '' and math.abs(alone) > GONE or alone > tonumber(ARGV[9])
if settles > 0 then
  -- Nobody finds it new who does not find that it settles.
  if named or unsure then
    redis.call('SET', KEYS[4], 1, 'PX', settles)
  elseif alone > AWAY then
    -- What is there may have been used meanwhile.
    redis.call('SET', KEYS[4], 2, 'PX', settles, 'NX')
    redis.call('PEXPIRE', KEYS[4], settles, 'GT')
  end
end
redis.call('SET', KEYS[3], string.format('%.0f %.0f', late, now), 'KEEPTTL')
redis.call('SET', KEYS[5], string.format('%.0f', late), 'PX', MARKED)
if keep > 0 then
  -- Whoever needs them longest keeps them: they outlive the last session.
  for at = 1, 3 do
    if redis.call('PEXPIRE', KEYS[at], keep, 'GT') == 0 then redis.call('PEXPIRE', KEYS[at], keep, 'NX') end
  end
end
local is_settling = redis.call('GET', KEYS[4]) == '1'
return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), string.format('%.0f', late), is_settling and 1 or 0}
