"""What an application does with pylibmc, which is libmemcached. Arguments: host, port."""

import sys
import time

import pylibmc

from checks import check, eventually, finish

address = f"{sys.argv[1]}:{sys.argv[2]}"
binary = bytes(range(256)) * 4 + b"\r\nEND\r\nVALUE x 0 1\r\n"


def raises(error, call, *args, **kw):
    try:
        call(*args, **kw)
    except error:
        return True
    return False


def storing(c):
    check("miss", c.get("absent"), None)
    check("set", c.set("k", "v"))
    check("get", c.get("k"), "v")
    check("add of what is there", c.add("k", "x"), False)
    check("add", c.add("added", "x"))
    check("replace of what is absent", c.replace("absent", "x"), False)
    check("replace", c.replace("k", "b"))
    check("append", c.append("k", "c"))
    check("prepend", c.prepend("k", "a"))
    check("all three", c.get("k"), "abc")
    check("append to what is absent", c.append("absent", "x"), False)
    check("delete", c.delete("k"))
    check("delete of what is absent", c.delete("k"), False)
    check("touch of what is absent", c.touch("absent", 10), False)
    for value in (1, True, 3.5, "täxt", b"bytes", [1, {"a": None}], 2**70, binary, b""):
        check(f"kept its type: {value!r:.20}", c.set("typed", value) and c.get("typed"), value)
    text = "again and again " * 5000
    check("compressed", c.set("k", text, min_compress_len=100) and c.get("k") == text)


def comparing(c):
    c.set("k", "1")
    value, cas = c.gets("k")
    check("gets", value, "1")
    check("cas", c.cas("k", "2", cas))
    check("cas of an older value", c.cas("k", "3", cas), False)
    check("cas of what is absent", raises(pylibmc.NotFound, c.cas, "absent", "3", cas))
    check("gets of what is absent", c.gets("absent"), (None, None))


def counting(c):
    check("incr of what is absent", raises(pylibmc.NotFound, c.incr, "absent"))
    c.set("n", 10)
    check("incr", c.incr("n", 5), 15)
    check("decr", c.decr("n"), 14)
    check("decr stops at nothing", c.decr("n", 100), 0)
    c.set("word", "ten")
    check("incr of a word", raises(pylibmc.Error, c.incr, "word"))
    c.set_multi({"a": 1, "b": 2})
    c.incr_multi(["a", "b"], delta=10)
    check("incr_multi", c.get_multi(["a", "b"]), {"a": 11, "b": 12})


def many(c):
    values = {f"many:{i}": f"value {i}" for i in range(700)}
    check("set_multi", c.set_multi(values), [])
    check("get_multi", c.get_multi(list(values) + ["absent"]), values)
    check("get_multi with a prefix", c.get_multi([str(i) for i in range(9)], key_prefix="many:"), {str(i): f"value {i}" for i in range(9)})
    check("add_multi", sorted(c.add_multi({"many:0": "x", "new": "y"})), ["many:0"])
    check("delete_multi", c.delete_multi(list(values)))
    check("after delete_multi", c.get_multi(list(values)), {})


def large(c):
    for size in (1, 1000, 100_000, 1_000_000, 1024 * 1024 - 512):
        value = (binary * (size // len(binary) + 1))[:size]
        check(f"value of {size} bytes", c.set("large", value) and c.get("large") == value)
    check("too large", raises(pylibmc.Error, c.set, "large", b"x" * (1024 * 1024 + 1)))
    check("the connection is as good as before", c.set("k", "v") and c.get("k"), "v")


def times(c):
    check("thirty days", c.set("month", "v", time=30 * 86400) and c.get("month"), "v")
    check("a time of day that has passed", c.set("gone", "v", time=int(time.time()) - 100) and c.get("gone"), None)
    check("a time of day to come", c.set("tomorrow", "v", time=int(time.time()) + 86400) and c.get("tomorrow"), "v")
    c.set("short", "v", time=1)
    c.set("lengthened", "v", time=1)
    check("touch", c.touch("lengthened", 100))
    check("not yet", c.get("short"), "v")
    eventually("a second later", lambda: c.get("short") is None)
    check("the touched one stays", c.get("lengthened"), "v")


def serving(c):
    c.set("k", "v")
    [(_, stats)] = c.get_stats()
    # libmemcached gives every name that it knows, with nothing where the server said nothing.
    for name in "pid time curr_items total_items bytes limit_maxbytes curr_connections cmd_get cmd_set get_hits get_misses bytes_read bytes_written threads".split():
        check(f"stats have {name}", int(stats[name]) > 0)
    check("stats have version", stats["version"][:1].isdigit())
    for topic in ("settings", "items", "slabs"):
        check(f"stats {topic}", len(c.get_stats(topic)), 1)
    c.set("k", "v")
    check("flush_all", c.flush_all())
    check("flushed", c.get("k"), None)


def ways(c):
    """Behaviours that change what is sent."""
    for behaviors in (
        {"cas": True, "tcp_nodelay": True},
        {"no_block": True},
        {"verify_keys": True, "tcp_keepalive": True, "connect_timeout": 2000},
        {"_noreply": True},
        {"ketama": True, "remove_failed": 1},
    ):
        w = pylibmc.Client([address], behaviors=behaviors)
        w.set_multi({f"w{i}": i for i in range(100)})
        w.get("w99")  # what is not answered, or waits in a buffer, is sent before it
        eventually(f"{behaviors}", lambda: c.get_multi([f"w{i}" for i in range(100)]) == {f"w{i}": i for i in range(100)})
        c.flush_all()


client = pylibmc.Client([address], behaviors={"cas": True})
for part in (storing, comparing, counting, many, large, times, serving, ways):
    client.flush_all()
    part(client)
finish(f"pylibmc {pylibmc.__version__} with libmemcached {pylibmc.libmemcached_version}")
