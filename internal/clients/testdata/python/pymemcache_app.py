"""What an application does with pymemcache. Arguments: host, port."""

import importlib.metadata
import sys
import threading
import time

from pymemcache import serde
from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.exceptions import MemcacheClientError, MemcacheServerError, MemcacheUnknownCommandError

from checks import check, eventually, finish

server = (sys.argv[1], int(sys.argv[2]))
binary = bytes(range(256)) * 4 + b"\r\nEND\r\nVALUE x 0 1\r\n"


def storing(c):
    check("miss", c.get("absent"), None)
    check("set", c.set("k", "v"))
    check("get", c.get("k"), b"v")
    check("add of what is there", c.add("k", "x"), False)
    check("add", c.add("added", "x"))
    check("replace of what is absent", c.replace("absent", "x"), False)
    check("replace", c.replace("k", "b"))
    check("append", c.append("k", "c"))
    check("prepend", c.prepend("k", "a"))
    check("all three", c.get("k"), b"abc")
    check("append to what is absent", c.append("absent", "x"), False)
    check("prepend to what is absent", c.prepend("absent", "x"), False)
    check("flags", c.set("flagged", "v", flags=4294967295))
    check("delete", c.delete("k"))
    check("delete of what is absent", c.delete("k"), False)
    check("deleted", c.get("k"), None)
    check("longest key", c.set("k" * 250, "v") and c.get("k" * 250), b"v")
    check("empty value", c.set("empty", "") and c.get("empty"), b"")
    check("value that looks like the protocol", c.set("binary", binary) and c.get("binary"), binary)


def comparing(c):
    check("gets of what is absent", c.gets("absent"), (None, None))
    c.set("k", "1")
    value, cas = c.gets("k")
    check("gets", value, b"1")
    check("cas", c.cas("k", "2", cas), True)
    check("cas of an older value", c.cas("k", "3", cas), False)
    check("cas of what is absent", c.cas("absent", "3", cas), None)
    check("the cas that won", c.get("k"), b"2")
    _, before = c.gets("k")
    c.touch("k", 100)
    check("touch keeps the cas", c.gets("k")[1], before)
    c.set("k", "2")
    check("set changes the cas", c.gets("k")[1] != before)


def counting(c):
    check("incr of what is absent", c.incr("absent", 1), None)
    c.set("n", "10")
    check("incr", c.incr("n", 5), 15)
    check("decr", c.decr("n", 1), 14)
    check("decr stops at nothing", c.decr("n", 100), 0)
    c.set("n", "18446744073709551615")
    check("incr wraps", c.incr("n", 2), 1)
    c.set("word", "ten")
    try:
        c.incr("word", 1)
        check("incr of a word", False)
    except MemcacheClientError as e:
        check("incr of a word", str(e), "b'cannot increment or decrement non-numeric value'")
    check("incr, not answered", c.incr("n", 6, noreply=True), None)
    check("incr happened", c.get("n").strip(), b"7")


def many(c):
    values = {f"many:{i}": f"value {i}".encode() for i in range(700)}
    check("set_many", c.set_many(values), [])
    check("get_many", c.get_many(list(values) + ["absent"]), values)
    long = {("x" * 240 + str(i)): b"v" for i in range(600)}
    c.set_many(long)
    check("get_many in a line of 150 kB", c.get_many(list(long)), long)
    found = c.gets_many([f"many:{i}" for i in range(100)])
    check("gets_many", len(found), 100)
    check("delete_many", c.delete_many(list(values)))
    check("after delete_many", c.get_many(list(values)), {})


def large(c):
    for size in (1, 1000, 100_000, 1_000_000, 1024 * 1024 - 512):
        value = binary[:1] * (size // 2) + b"\r\n" * (size - size // 2)
        value = value[:size]
        check(f"value of {size} bytes", c.set("large", value) and c.get("large") == value)
    try:
        c.set("large", b"x" * (1024 * 1024 + 1))
        check("too large", False)
    except MemcacheServerError as e:
        check("too large", str(e), "b'object too large for cache'")
    check("what was too large took the old value along", c.get("large"), None)


def times(c):
    check("already gone", c.set("gone", "v", expire=-1) and c.get("gone"), None)
    check("a time of day that has passed", c.set("gone", "v", expire=int(time.time()) - 100) and c.get("gone"), None)
    check("a time of day to come", c.set("tomorrow", "v", expire=int(time.time()) + 86400) and c.get("tomorrow"), b"v")
    check("thirty days", c.set("month", "v", expire=30 * 86400) and c.get("month"), b"v")
    check("touch of what is absent", c.touch("absent", 10), False)
    c.set("short", "v", expire=1)
    c.set("lengthened", "v", expire=1)
    check("touch", c.touch("lengthened", 100))
    check("not yet", c.get("short"), b"v")
    eventually("a second later", lambda: c.get("short") is None)
    check("the touched one stays", c.get("lengthened"), b"v")
    check("what expired may be added", c.add("short", "w"))
    check("touch into the past", c.touch("short", -1) and c.get("short"), None)


def silent(c):
    for i in range(200):
        c.set(f"silent:{i}", str(i), noreply=True)
    check("sets that are not answered", c.get("silent:199"), b"199")
    check("add", c.add("silent:0", "x", noreply=True))
    check("add changed nothing", c.get("silent:0"), b"0")
    c.append("silent:0", "1", noreply=True)
    c.prepend("silent:0", "2", noreply=True)
    check("append and prepend", c.get("silent:0"), b"201")
    c.replace("silent:0", "r", noreply=True)
    check("replace", c.get("silent:0"), b"r")
    _, cas = c.gets("silent:0")
    c.cas("silent:0", "c", cas, noreply=True)
    check("cas", c.get("silent:0"), b"c")
    c.touch("silent:0", -1, noreply=True)
    check("touch", c.get("silent:0"), None)
    c.delete("silent:1", noreply=True)
    check("delete", c.get("silent:1"), None)


def serving(c):
    version = c.version()
    check("a version that starts with digits", version.split(b".")[0].isdigit(), True)
    before = c.stats()
    for name in (b"pid uptime time pointer_size curr_items total_items bytes limit_maxbytes curr_connections total_connections"
                 b" cmd_get cmd_set cmd_touch cmd_flush get_hits get_misses get_expired delete_hits delete_misses incr_hits incr_misses"
                 b" decr_hits decr_misses cas_hits cas_misses cas_badval touch_hits touch_misses evictions reclaimed"
                 b" bytes_read bytes_written threads rejected_connections").split():
        check(f"stats have {name.decode()}", isinstance(before.get(name), int))
    check("stats have rusage_user", isinstance(before.get(b"rusage_user"), float))
    check("stats say the version", before.get(b"version"), version.split()[0])
    c.set("k", "v")
    c.get("k")
    c.get("absent")
    after = c.stats()
    for name, step in ((b"cmd_get", 2), (b"get_hits", 1), (b"get_misses", 1), (b"cmd_set", 1), (b"total_items", 1)):
        check(f"{name.decode()} counts", after.get(name, 0) - before.get(name, 0), step)
    check("settings", c.stats("settings").get(b"item_size_max"), 1024 * 1024)
    for topic in ("items", "slabs", "conns"):
        check(f"stats {topic}", isinstance(c.stats(topic), dict))
    check("cache_memlimit", c.cache_memlimit(64))
    try:
        c.stats("settings")
        c.shutdown()
        check("shutdown", False)
    except (MemcacheUnknownCommandError, MemcacheClientError, MemcacheServerError) as e:
        check("shutdown is not for everybody", "shutdown" in str(e))
    c.quit()
    check("after quit a new connection", c.version(), version)


def flushing(c):
    c.set("k", "v")
    check("flush_all", c.flush_all())
    check("flushed", c.get("k"), None)
    check("stored after it", c.set("k", "v") and c.get("k"), b"v")
    c.flush_all(noreply=True)
    eventually("flushed without an answer", lambda: c.get("k") is None)
    c.set("k", "v")
    check("flush_all in two seconds", c.flush_all(delay=2))
    check("not yet", c.get("k"), b"v")
    eventually("then", lambda: c.get("k") is None, within=5)


def kinds():
    """Serializers of values, a key prefix, a pool used by threads, and the hashing client."""
    c = Client(server, serde=serde.pickle_serde, key_prefix=b"p:", default_noreply=False)
    for value in (1, "täxt", b"bytes", [1, {"a": None}], 2**70):
        check(f"pickled {value!r}", c.set("k", value) and c.get("k"), value)
    check("prefix", Client(server).get("p:k") is not None)
    c = Client(server, allow_unicode_keys=True, default_noreply=False)
    check("unicode key", c.set("schlüssel", "v") and c.get("schlüssel"), b"v")

    pool = PooledClient(server, max_pool_size=4, default_noreply=False)
    pool.set("sum", "0")

    def add():
        for _ in range(100):
            pool.incr("sum", 1)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check("four threads counted", pool.get("sum"), b"400")

    h = HashClient([server], use_pooling=True, default_noreply=False)
    check("hashing client", h.set_many({f"h{i}": str(i) for i in range(200)}), [])
    check("hashing client, get_many", len(h.get_many([f"h{i}" for i in range(200)])), 200)


client = Client(server, connect_timeout=5, timeout=10, default_noreply=False)
for part in (storing, comparing, counting, many, large, times, silent, serving):
    client.flush_all()
    part(client)
kinds()
flushing(client)
finish("pymemcache " + importlib.metadata.version("pymemcache"))
