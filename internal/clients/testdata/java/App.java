// What an application does with spymemcached, which speaks text unless it is told
// otherwise. Arguments: host, port. Run as a single source file.

import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.logging.Level;
import java.util.logging.Logger;
import net.spy.memcached.CASResponse;
import net.spy.memcached.CASValue;
import net.spy.memcached.ConnectionFactoryBuilder;
import net.spy.memcached.MemcachedClient;

public class App {
    static int passed, failed;

    static void check(String what, Object got, Object want) {
        if (Objects.equals(got, want)) {
            passed++;
            return;
        }
        failed++;
        System.out.println("FAILED " + what + ": got " + got + ", want " + want);
    }

    // Expiry is told in whole seconds.
    static void eventually(String what, Callable<Boolean> condition) throws Exception {
        for (int i = 0; i < 80 && !condition.call(); i++) {
            Thread.sleep(50);
        }
        check(what, condition.call(), true);
    }

    public static void main(String[] args) {
        try {
            application(args);
        } catch (Exception e) {
            e.printStackTrace(System.out);
            System.exit(1); // the client's own thread would keep the process
        }
    }

    static void application(String[] args) throws Exception {
        Logger.getLogger("net.spy.memcached").setLevel(Level.SEVERE);
        System.setProperty("net.spy.log.LoggerImpl", "net.spy.memcached.compat.log.SunLogger");
        InetSocketAddress address = new InetSocketAddress(args[0], Integer.parseInt(args[1]));
        MemcachedClient c = new MemcachedClient(new ConnectionFactoryBuilder().setOpTimeout(10000).build(), List.of(address));
        c.flush().get();

        check("miss", c.get("absent"), null);
        check("set", c.set("k", 0, "v").get(), true);
        check("get", c.get("k"), "v");
        check("add of what is there", c.add("k", 0, "x").get(), false);
        check("add", c.add("added", 0, "x").get(), true);
        check("replace of what is absent", c.replace("absent", 0, "x").get(), false);
        check("replace", c.replace("k", 0, "b").get(), true);
        check("append", c.append("k", "c").get(), true);
        check("prepend", c.prepend("k", "a").get(), true);
        check("all three", c.get("k"), "abc");
        for (Object value : new Object[] {1, 2L, true, 3.5, "täxt", new ArrayList<>(List.of(1, "a")), new java.util.Date(0)}) {
            check("kept its type", c.set("typed", 0, value).get() ? c.get("typed") : null, value);
        }

        CASValue<Object> seen = c.gets("k");
        check("gets", seen.getValue(), "abc");
        check("cas", c.cas("k", seen.getCas(), "d"), CASResponse.OK);
        check("cas of an older value", c.cas("k", seen.getCas(), "e"), CASResponse.EXISTS);
        check("cas of what is absent", c.cas("absent", seen.getCas(), "e"), CASResponse.NOT_FOUND);
        check("the cas that won", c.get("k"), "d");

        check("incr of what is absent", c.incr("absent", 1), -1L);
        check("incr with a first value", c.incr("made", 1, 7), 7L);
        c.set("n", 0, "10").get();
        check("incr", c.incr("n", 5), 15L);
        check("decr", c.decr("n", 1), 14L);
        check("decr stops at nothing", c.decr("n", 100), 0L);

        List<String> keys = new ArrayList<>();
        List<Future<Boolean>> sets = new ArrayList<>();
        for (int i = 0; i < 700; i++) {
            keys.add("many:" + i);
            sets.add(c.set("many:" + i, 100, "value " + i)); // the client writes many in one go
        }
        for (Future<Boolean> set : sets) {
            check("set of many", set.get(), true);
        }
        keys.add("absent");
        Map<String, Object> found = c.getBulk(keys);
        check("getBulk", found.size(), 700);
        check("one of them", found.get("many:77"), "value 77");
        List<Future<Object>> gets = new ArrayList<>();
        for (String key : keys) {
            gets.add(c.asyncGet(key)); // the client makes one get of several keys out of these
        }
        for (int i = 0; i < 700; i++) {
            check("get that was joined with others", gets.get(i).get(), "value " + i);
        }
        check("delete", c.delete("many:0").get(), true);
        check("delete of what is absent", c.delete("many:0").get(), false);

        byte[] large = new byte[1024 * 1024 - 512];
        for (int i = 0; i < large.length; i++) {
            large[i] = (byte) (i * 7919 >> 3); // does not compress below itself
        }
        check("a large value", c.set("large", 0, large).get() && Arrays.equals((byte[]) c.get("large"), large), true);

        check("already gone", c.set("gone", -1, "v").get() ? c.get("gone") : "stored", null);
        int now = (int) (System.currentTimeMillis() / 1000);
        check("a time of day that has passed", c.set("gone", now - 100, "v").get() ? c.get("gone") : "stored", null);
        check("a time of day to come", c.set("tomorrow", now + 86400, "v").get() ? c.get("tomorrow") : null, "v");
        c.set("short", 1, "v").get();
        c.set("lengthened", 1, "v").get();
        check("touch", c.touch("lengthened", 100).get(), true);
        check("touch of what is absent", c.touch("absent", 100).get(), false);
        eventually("a second later", () -> c.get("short") == null);
        check("the touched one stays", c.get("lengthened"), "v");

        String version = c.getVersions().get(address);
        check("version", version.matches("\\d+\\.\\d+\\.\\d+.*"), true);
        Map<String, String> stats = c.getStats().get(address);
        for (String name : "pid uptime time version curr_items total_items bytes limit_maxbytes cmd_get cmd_set get_hits get_misses evictions threads".split(" ")) {
            check("stats have " + name, stats.containsKey(name), true);
        }
        check("settings", c.getStats("settings").get(address).get("item_size_max"), String.valueOf(1024 * 1024));
        check("flush", c.flush().get(), true);
        check("flushed", c.get("n"), null);
        c.shutdown();

        System.out.println("spymemcached: " + passed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }
}
