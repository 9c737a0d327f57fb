// Package wire runs scripts of the line protocol against a server: text files
// which say, connection by connection, what is sent and what must come back.
// A script is at the same time the readable account of a part of the contract.
//
// The package knows sockets and text, nothing of the server: what starts, stops
// and kills the process is a Target given by the caller.
//
// A script is read line by line. Empty lines and lines that begin with # are
// for people. The others are steps, run in order:
//
//	server FLAGS…       start the server with these flags (first step; without it: no flags)
//	stop                clean stop, which must succeed
//	kill -9             end the process at once
//	start [FLAGS…]      start again, with the flags of last time if none are given
//	restart [FLAGS…]    stop and start
//	sleep 100ms         let time pass (${x}ms takes it from a variable)
//	logged TEXT         the server's log contains TEXT, or does within two seconds
//	let $x = EXPR       compute; numbers, variables, now (unix seconds),
//	                    shard(KEY,N), and + - * << >>, from left to right
//	expect EXPR < EXPR  compare; one of = != < <= > >=
//
//	A> lg k             connection A sends the line, \r\n added. A name is an upper
//	                    case letter followed by letters and digits; the first use dials
//	A>> raw bytes       A sends exactly these bytes
//	A< LE L$t e10000    the next reply line on A is this (five seconds' patience)
//	A~ REGEXP           the next reply line on A matches the whole expression
//	A bare REGEXP       the same of a line that ends with a bare \n
//	A until END         read lines up to one that is END; they are kept for 'has'
//	A has STAT pid $_   one of the kept lines matches the pattern
//	A silent 50ms       nothing comes on A for so long
//	A closed            the server ends A, with nothing more to read
//	A ends              the server ends A, whatever it says before
//	A hangup            A goes away
//
// What is sent and what is expected may hold escapes (\r \n \t \0 \xHH, and a
// backslash before any other character for itself), variables ($t, ${t}) and
// repeats (${x*1000}: a thousand times x).
//
// In what is expected an unbound variable takes a decimal number, a bound one
// must be equal; $_ takes any number and forgets it; ~90..100 is a number in that
// range; (a|b) is one of the two; {W X} holds words in any order, of which
// {?Z} may be absent; … written as ... at the end is any text of at least one byte.
//
// After the last step every connection still open is asked for mn and must
// answer MN and nothing else, so that no reply can be left over unseen.
package wire
