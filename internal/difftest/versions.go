package difftest

// Versions are the differences between memcached 1.6.18, which Debian 12 installs,
// and 1.6.45, which is right.
var Versions = []Difference{}
