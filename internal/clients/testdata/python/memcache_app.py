"""What an application does with python-memcached. Arguments: host, port."""

import sys

import memcache

from checks import check, eventually, finish

address = f"{sys.argv[1]}:{sys.argv[2]}"
c = memcache.Client([address], cache_cas=True, server_max_value_length=2 * 1024 * 1024)
c.flush_all()

check("miss", c.get("absent"), None)
check("set", bool(c.set("k", "v")))
check("get", c.get("k"), "v")
check("add of what is there", bool(c.add("k", "x")), False)
check("replace of what is absent", bool(c.replace("absent", "x")), False)
check("replace", bool(c.replace("k", "b")))
check("append", bool(c.append("k", "c")))
check("prepend", bool(c.prepend("k", "a")))
check("all three", c.get("k"), "abc")
for value in (1, True, "täxt", b"bytes\r\n\0\xff", [1, {"a": None}], 2**70):
    check(f"kept its type: {value!r}", bool(c.set("typed", value)) and c.get("typed"), value)

check("gets", c.gets("k"), "abc")
check("cas", bool(c.cas("k", "d")))
c.gets("k")
memcache.Client([address]).set("k", "somebody else")
check("cas of an older value", bool(c.cas("k", "e")), False)
check("the one that won", c.get("k"), "somebody else")

c.set("n", 10)
check("incr", c.incr("n", 5), 15)
check("decr", c.decr("n"), 14)
check("decr stops at nothing", c.decr("n", 100), 0)
check("incr of what is absent", c.incr("absent"), None)

values = {f"many:{i}": f"value {i}" for i in range(700)}
check("set_multi", c.set_multi(values), [])
check("get_multi", c.get_multi(list(values) + ["absent"]), values)
check("delete_multi", bool(c.delete_multi(list(values))))
check("after delete_multi", c.get_multi(list(values)), {})
check("set_multi without answers", c.set_multi(values, noreply=True), [])
check("get_multi of them", c.get_multi(list(values)), values)
check("delete without an answer", bool(c.delete("many:0", noreply=True)) and c.get("many:0"), None)

for size in (100_000, 1024 * 1024 - 512):
    value = b"\r\n\0" * (size // 3)
    check(f"value of {size} bytes", bool(c.set("large", value)) and c.get("large") == value)
check("too large", bool(c.set("large", b"x" * (1024 * 1024 + 1))), False)
check("the connection is as good as before", c.get("k"), "somebody else")

c.set("short", "v", time=1)
c.set("lengthened", "v", time=1)
check("touch", bool(c.touch("lengthened", 100)))
eventually("a second later", lambda: c.get("short") is None)
check("the touched one stays", c.get("lengthened"), "v")
check("delete", bool(c.delete("lengthened")) and c.get("lengthened"), None)

[(_, stats)] = c.get_stats()
check("stats", int(stats["curr_items"]) > 0 and stats["version"][0].isdigit())
check("stats settings", c.get_stats("settings")[0][1].get("item_size_max"), "1048576")
c.flush_all()
check("flushed", c.get("k"), None)
finish("python-memcached " + memcache.__version__)
