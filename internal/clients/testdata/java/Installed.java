// Ends with 0 where spymemcached is installed.

public class Installed {
    public static void main(String[] args) throws Exception {
        Class.forName("net.spy.memcached.MemcachedClient");
    }
}
