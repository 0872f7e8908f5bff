-- What is told is joined with what is there, as `Life::joined` does, which says how far order matters.
-- KEYS: the store's name, then for each part its hash of now, and those of before. ARGV: the name, how many hashes a part
-- has, when that of now expires; then for each part how many sessions follow, and of each its name, its life, and what was
-- before its sign-in, or nothing: that has a field of its own, so that instances which do not know it leave it as it is.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local function read(text, before)
  local first, rest = string.match(text, '^(%-?%d+ %-?%d+ %-?%d+ %-?%d+ %-?%d+ %-?%d+)(.*)$')
  if not first then return nil end
  local v = {}
  for number in string.gmatch(first, '%S+') do v[#v + 1] = tonumber(number) end
  local from, to, proven = string.match(rest, '^ (%-?%d+) (%-?%d+) ([01])$')
  if from then v.doubt = {tonumber(from), tonumber(to), proven == '1'} elseif rest ~= '' then return nil end
  v[7] = tonumber(before or '')
  return v
end
local function doubt(from, to, proven) return from < to and {from, to, proven} or nil end
local function span(d) return d and d[2] - d[1] or 0 end
local function longer(a, b) -- of two there is room for the longer
  if not a or not b then return a or b end
  local x, y = span(a), span(b)
  if x == y then x, y = a[2], b[2] end
  if x == y then return a[3] and b or a end
  return x > y and a or b
end
local function beside(d, o) -- what is left of it by what another knows
  local function since(at) return d[3] and at or math.max(d[1], at) end
  local after = o[1] < d[2] and doubt(since(o[1]), d[2], false) or nil
  local t = o.doubt
  if not t then return after end
  local from = t[3] and d[1] or since(t[1])
  if t[3] and d[3] then from = math.max(d[1], t[1]) end
  return longer(doubt(from, math.min(d[2], t[2]), d[3] and t[3]), after)
end
local function join(n, o) -- 1 last, 2 began, 3 signed in, 4 broken, 5 silence, 6 earlier, 7 before
  if not o then return n end
  if o[3] > n[3] then n, o = o, n end
  local left = longer(n.doubt and beside(n.doubt, o), o.doubt and beside(o.doubt, n))
  n[1] = math.max(n[1], o[1])
  n[6] = math.max(n[6], o[6])
  if n[3] ~= o[3] then
    local rest = o.doubt and n[7] and beside(o.doubt, {n[7]})
    if not n[7] then rest = o.doubt end
    n[6] = math.max(n[6], o[5], o[7] and o[2] - o[7] or 0, span(rest))
    n[7] = math.max(n[7] or o[1], o[1])
    if left then left = doubt(math.max(left[1], n[2]), left[2], left[3] and left[1] > n[2]) end
  else
    n[2] = math.min(n[2], o[2])
    if o[7] then n[7] = math.max(n[7] or o[7], o[7]) end
    if o[5] > n[5] or (o[5] == n[5] and o[4] > n[4]) then n[5], n[4] = o[5], o[4] end
  end
  n.doubt = left
  return n
end
local hashes, at = tonumber(ARGV[2]), 4
for part = 2, #KEYS, hashes do
  local names, lives, put = {}, {}, {}
  local count = tonumber(ARGV[at])
  for i = 1, count do
    names[i], lives[i] = ARGV[at + 1], read(ARGV[at + 2], ARGV[at + 3])
    names[count + i] = names[i] .. 'b'
    at = at + 3
  end
  at = at + 1
  for hash = part, part + hashes - 1 do
    local there = redis.call('HMGET', KEYS[hash], unpack(names))
    for i = 1, count do
      if there[i] then lives[i] = join(lives[i], read(there[i], there[count + i] or nil)) end
    end
  end
  for i, n in ipairs(lives) do
    put[#put + 1] = names[i]
    put[#put + 1] = string.format('%.0f %.0f %.0f %.0f %.0f %.0f', n[1], n[2], n[3], n[4], n[5], n[6])
    local d = n.doubt
    if d then put[#put] = put[#put] .. string.format(' %.0f %.0f %d', d[1], d[2], d[3] and 1 or 0) end
    if n[7] then
      put[#put + 1] = names[count + i]
      put[#put + 1] = string.format('%.0f', n[7])
    end
  end
  redis.call('HSET', KEYS[part], unpack(put))
  -- Whoever needs it longest: it only grows. To GT what never expires is the longest.
  if redis.call('PEXPIREAT', KEYS[part], ARGV[3], 'GT') == 0 then redis.call('PEXPIREAT', KEYS[part], ARGV[3], 'NX') end
end
return 1
