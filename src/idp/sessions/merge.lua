-- What is told is joined with what is there, as `Life::joined` does, which says how far order matters.
-- KEYS: the store's name, then for each part its hash of now, and those of before. ARGV: the name, how many hashes a part
-- has, when that of now expires; then for each part how many sessions follow, and of each its name, its life, and what was
-- before its sign-in, or nothing: that has a field of its own, so that instances which do not know it leave it as it is.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local function read(text, before)
  local v = {string.match(text, '^(%-?%d+) (%-?%d+) (%-?%d+) (%-?%d+) (%-?%d+) (%-?%d+)$')}
  for i = 1, #v do v[i] = tonumber(v[i]) end
  if #v ~= 6 then return nil end
  v[7] = tonumber(before or '')
  return v
end
local function join(n, o) -- 1 last, 2 began, 3 signed in, 4 broken, 5 silence, 6 earlier, 7 before
  if not o then return n end
  if o[3] > n[3] then n, o = o, n end
  n[1] = math.max(n[1], o[1])
  n[6] = math.max(n[6], o[6])
  if n[3] ~= o[3] then
    n[6] = math.max(n[6], o[5], o[7] and o[2] - o[7] or 0)
    n[7] = math.max(n[7] or o[1], o[1])
  else
    n[2] = math.min(n[2], o[2])
    if o[7] then n[7] = math.max(n[7] or o[7], o[7]) end
    if o[5] > n[5] or (o[5] == n[5] and o[4] > n[4]) then n[5], n[4] = o[5], o[4] end
  end
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
