// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The reading of selectors, by themselves: what each keyword means, what is refused, and how that
 * is said. That ip and the kernel see it the same way is test/kernel/test-selector-ip.py's part.
 */

#include <arpa/inet.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "../../lib/selector.h"

#define NO_PREF 0x5eed5eed

struct reading {
	int r;
	uint32_t pref;
	struct mh_selector sel;
	struct mh_selector_error error;
};

static struct reading read_text(const char *text)
{
	struct reading reading = { .pref = NO_PREF };

	reading.r = mh_selector_parse(text, &reading.sel, &reading.pref, &reading.error);
	return reading;
}

static void assert_prefix(const struct mh_prefix *prefix, const char *addr, unsigned int len)
{
	uint8_t expected[16] = { 0 };

	assert_int_equal(inet_pton(strchr(addr, ':') ? AF_INET6 : AF_INET, addr, expected), 1);
	assert_int_equal(prefix->family, strchr(addr, ':') ? AF_INET6 : AF_INET);
	assert_memory_equal(prefix->addr, expected, sizeof(expected));
	assert_int_equal(prefix->len, len);
}

static void assert_refused(const char *text, const char *word, const char *part)
{
	struct reading reading = read_text(text);
	char quoted[64];

	if (reading.r != -EINVAL)
		print_error("not refused: \"%s\"\n", text);
	assert_int_equal(reading.r, -EINVAL);
	snprintf(quoted, sizeof(quoted), "\"%s\" ", word);
	if (strncmp(reading.error.message, quoted, strlen(quoted)) ||
	    !strstr(reading.error.message, part))
		print_error("\"%s\": %s\n", text, reading.error.message);
	assert_memory_equal(reading.error.message, quoted, strlen(quoted));
	assert_non_null(strstr(reading.error.message, part));
	assert_memory_equal(text + reading.error.offset, word, strlen(word));
	assert_int_equal(reading.pref, NO_PREF);
}

static void test_nothing(void **state)
{
	/* No words, or blanks only, ask nothing of a packet, as `ip rule add lookup 100` does. */
	static const char *const texts[] = { "", " ", "\t  \t" };
	static const struct mh_selector empty;
	(void)state;

	for (size_t i = 0; i < MH_ARRAY_SIZE(texts); i++) {
		struct reading reading = read_text(texts[i]);

		assert_int_equal(reading.r, AF_UNSPEC);
		assert_int_equal(mh_selector_compare(&reading.sel, &empty), 0);
		assert_int_equal(reading.pref, NO_PREF);
	}
}

static void test_every_keyword(void **state)
{
	/* Every keyword at once, each with its meaning in the kernel's terms. */
	struct reading reading;
	(void)state;

	reading = read_text(
		" not from 192.0.2.0/24 to 198.51.100.1\tiif eth1 oif ppp0 fwmark 0x10/0xf0"
		" uidrange 1000-1999 ipproto tcp sport 1024-65534 dport 25 tos 0x10 pref 77 ");
	assert_int_equal(reading.r, AF_INET);
	assert_int_equal(reading.pref, 77);
	assert_true(reading.sel.invert);
	assert_prefix(&reading.sel.from, "192.0.2.0", 24);
	assert_prefix(&reading.sel.to, "198.51.100.1", 32);
	assert_string_equal(reading.sel.iif, "eth1");
	assert_string_equal(reading.sel.oif, "ppp0");
	assert_int_equal(reading.sel.mark, 0x10);
	assert_int_equal(reading.sel.mask, 0xf0);
	assert_true(reading.sel.uid_set);
	assert_int_equal(reading.sel.uid_start, 1000);
	assert_int_equal(reading.sel.uid_end, 1999);
	assert_int_equal(reading.sel.ipproto, 6);
	assert_int_equal(reading.sel.sport[0], 1024);
	assert_int_equal(reading.sel.sport[1], 65534);
	assert_int_equal(reading.sel.dport[0], 25);
	assert_int_equal(reading.sel.dport[1], 25);
	assert_int_equal(reading.sel.tos, 0x10);
}

static void test_prefix_notation(void **state)
{
	/* iproute2's notation: short forms fill up with zeros on the right and are hosts without a
	 * length, parts may be hexadecimal or octal, a netmask is a length, host bits stay. */
	static const struct {
		const char *word;
		const char *addr;
		unsigned int len;
	} words[] = {
		{ "10", "10.0.0.0", 32 },
		{ "10/8", "10.0.0.0", 8 },
		{ "10.8/16", "10.8.0.0", 16 },
		{ "192.0.2.77/24", "192.0.2.77", 24 },
		{ "0x0a.010.1.2", "10.8.1.2", 32 },
		{ "172.16.0.0/255.240.0.0", "172.16.0.0", 12 },
		{ "10.0.0.0/0x8", "10.0.0.0", 8 },
		{ "2001:db8::/32", "2001:db8::", 32 },
		{ "2001:DB8::1", "2001:db8::1", 128 },
		{ "::ffff:192.0.2.1/120", "::ffff:192.0.2.1", 120 },
		{ "2001:db8::/255.255.0.0", "2001:db8::", 16 },
	};
	(void)state;

	for (size_t i = 0; i < MH_ARRAY_SIZE(words); i++) {
		struct reading reading;
		char text[64];

		snprintf(text, sizeof(text), "from %s", words[i].word);
		reading = read_text(text);
		assert_int_equal(reading.r, strchr(words[i].addr, ':') ? AF_INET6 : AF_INET);
		assert_prefix(&reading.sel.from, words[i].addr, words[i].len);
	}
}

static void test_any_address(void **state)
{
	/* A prefix of length 0 asks nothing, but its family stays; all, any and default have none.
	 */
	(void)state;

	assert_int_equal(read_text("from all").r, AF_UNSPEC);
	assert_int_equal(read_text("from any to default").r, AF_UNSPEC);
	assert_int_equal(read_text("from 0/0").r, AF_INET);
	assert_int_equal(read_text("to ::/0").r, AF_INET6);
	assert_int_equal(read_text("from 10.0.0.1/0").sel.from.family, 0);
	assert_int_equal(read_text("to ::/0").sel.to.family, 0);
}

static void test_bad_prefixes(void **state)
{
	/* What is no prefix in iproute2's notation is refused at the word. */
	static const char *const words[] = {
		"10.0.0.0/33",	"256.1.1.1", "1.2.3.4.5", "1.2.3.4.",	    "10.",
		"1..2",		"10/",	     "/8",	  "10/8/8",	    "all/8",
		"ALL",		"localhost", "::/129",	  "2001::db8::",    ":::",
		"fe80::1%eth0", "-1",	     "10.-1",	  "10/255.0.255.0", "10/-1",
		"0x",		"09",
	};
	(void)state;

	for (size_t i = 0; i < MH_ARRAY_SIZE(words); i++) {
		char text[64];

		snprintf(text, sizeof(text), "oif ppp0 from %s", words[i]);
		assert_refused(text, words[i], "accepted: ADDRESS, ADDRESS/LENGTH or all");
	}
}

static void test_mixed_families(void **state)
{
	/* Words of two families do not make a rule, in either order, nor where the later of two
	 * replaces the earlier. */
	(void)state;

	assert_refused("from 10.0.0.1 to 2001:db8::1", "2001:db8::1", "IPv6 only");
	assert_refused("from ::1 to 10.0.0.1", "10.0.0.1", "IPv4 only");
	assert_refused("from ::1 from 10.0.0.1", "10.0.0.1", "IPv4 only");
	assert_refused("from 0/0 to ::/0", "::/0", "IPv6 only");
}

static void test_abbreviations(void **state)
{
	/* Shortened as in iproute2: some keywords at will, the first that fits winning, others not.
	 */
	static const char *const prefs[] = { "p 5",   "pr 5",	"pref 5",     "preference 5",
					     "pri 5", "prio 5", "priority 5", "o 5",
					     "ord 5", "order 5" };
	(void)state;

	for (size_t i = 0; i < MH_ARRAY_SIZE(prefs); i++)
		assert_int_equal(read_text(prefs[i]).pref, 5);
	assert_int_equal(read_text("d 10").sel.tos, 0x10);
	assert_int_equal(read_text("ds 10").sel.tos, 0x10);
	assert_refused("fwm 1", "fwm", "is no keyword");
	assert_refused("fro 10", "fro", "is no keyword");
	assert_refused("dpor 25", "dpor", "is no keyword");
	assert_refused("pro 4", "pro", "not accepted here");
	assert_refused("t 5", "t", "not accepted here");
	assert_refused("From 10", "From", "is no keyword");
	assert_refused("prefx 5", "prefx", "is no keyword");
}

static void test_marks(void **state)
{
	/* A mark without a mask is compared as a whole, but for 0, which asks nothing. A mask stays
	 * when a second mark without one follows: the kernel sees them apart. */
	static const struct {
		const char *text;
		uint32_t mark;
		uint32_t mask;
	} marks[] = {
		{ "fwmark 1", 1, 0xffffffff },
		{ "fwmark 0", 0, 0 },
		{ "fwmark 0x10/0xff", 0x10, 0xff },
		{ "fwmark 010/07", 8, 7 },
		{ "fwmark 0/0xff", 0, 0xff },
		{ "fwmark 5/0", 5, 0 },
		{ "fwmark 5/0xff fwmark 6", 6, 0xff },
		{ "fwmark 5 fwmark 0", 0, 0 },
		{ "fwmark 0xffffffff/4294967295", 0xffffffff, 0xffffffff },
	};
	(void)state;

	for (size_t i = 0; i < MH_ARRAY_SIZE(marks); i++) {
		struct reading reading = read_text(marks[i].text);

		assert_int_equal(reading.r, AF_UNSPEC);
		assert_int_equal(reading.sel.mark, marks[i].mark);
		assert_int_equal(reading.sel.mask, marks[i].mask);
	}
	assert_refused("fwmark 4294967296", "4294967296", "32 bits");
	assert_refused("fwmark 1/", "1/", "32 bits");
	assert_refused("fwmark /1", "/1", "32 bits");
	assert_refused("fwmark 1/2/3", "1/2/3", "32 bits");
	assert_refused("fwmark -1", "-1", "32 bits");
	assert_refused("fwmark 0xg", "0xg", "32 bits");
}

static void test_ports(void **state)
{
	/* The kernel takes 1..65534 in ascending order; of two ranges only the last counts. A port
	 * that versions of iproute2 read differently, or in part, is refused. */
	(void)state;

	assert_int_equal(read_text("dport 65534").sel.dport[0], 65534);
	assert_int_equal(read_text("dport 80-443").sel.dport[1], 443);
	assert_int_equal(read_text("dport 007").sel.dport[0], 7);
	assert_int_equal(read_text("dport 0 dport 25").sel.dport[0], 25);
	assert_refused("sport 0", "0", "1..65534");
	assert_refused("sport 65535", "65535", "1..65534");
	assert_refused("sport 1-65535", "1-65535", "1..65534");
	assert_refused("dport 443-80", "443-80", "1..65534");
	assert_refused("dport 65616", "65616", "1..65534");
	assert_refused("dport 80x", "80x", "1..65534");
	assert_refused("dport 80,443", "80,443", "1..65534");
	assert_refused("dport 80-", "80-", "1..65534");
	assert_refused("dport 010", "010", "1..65534");
	assert_refused("dport 0x50", "0x50", "1..65534");
	assert_refused("dport smtp", "smtp", "1..65534");
	assert_refused("dport 80/0xfff0", "80/0xfff0", "1..65534");
}

static void test_uids(void **state)
{
	/* Two uids, decimal, ascending, none of them the one that means nobody; or a user's name.
	 */
	const struct passwd *root = getpwnam("root");
	struct reading reading;
	(void)state;

	reading = read_text("uidrange 0-4294967294");
	assert_true(reading.sel.uid_set);
	assert_int_equal(reading.sel.uid_end, 4294967294);
	if (root) {
		reading = read_text("uidrange 5-6 uidrange root");
		assert_true(reading.sel.uid_set);
		assert_int_equal(reading.sel.uid_start, 0);
		assert_int_equal(reading.sel.uid_end, 0);
	}
	assert_false(read_text("dport 5").sel.uid_set);
	assert_refused("uidrange 5-4", "5-4", "user's name");
	assert_refused("uidrange 0-4294967295", "0-4294967295", "user's name");
	assert_refused("uidrange 0-4294967296", "0-4294967296", "user's name");
	assert_refused("uidrange 5-10x", "5-10x", "user's name");
	assert_refused("uidrange 1000", "1000", "user's name");
	assert_refused("uidrange no-such-user", "no-such-user", "user's name");
}

static void test_protocols(void **state)
{
	/* A number is decimal; a name is one of /etc/protocols, in its own case. */
	(void)state;

	assert_int_equal(read_text("ipproto udp").sel.ipproto, 17);
	assert_int_equal(read_text("ipproto 017").sel.ipproto, 17);
	assert_int_equal(read_text("ipproto 0").sel.ipproto, 0);
	assert_refused("ipproto 256", "256", "/etc/protocols");
	assert_refused("ipproto 0x6", "0x6", "/etc/protocols");
	assert_refused("ipproto tpc", "tpc", "/etc/protocols");
}

static void test_tos(void **state)
{
	/* Always hexadecimal. IPv4's rules know the three old bits only, IPv6's all but the last
	 * two; and of two values only the last is the kernel's business. */
	(void)state;

	assert_int_equal(read_text("tos 10").sel.tos, 0x10);
	assert_int_equal(read_text("tos 0x1c").r, AF_UNSPEC);
	assert_int_equal(read_text("tos b8").r, AF_INET6);
	assert_int_equal(read_text("tos b8 tos 4 from 10.1").r, AF_INET);
	assert_refused("tos b8 from 10.1", "b8", "fits IPv6 only");
	assert_refused("tos 2", "2", "ECN");
	assert_refused("tos 100", "100", "hexadecimal");
	assert_refused("tos -4", "-4", "hexadecimal");
	assert_refused("dsfield no-such-name", "no-such-name", "rt_dsfield");
}

static void test_interfaces(void **state)
{
	/* Any word of at most 15 bytes without a slash; the interface need not exist; last one
	 * wins. */
	(void)state;

	assert_string_equal(read_text("iif abcdefghijklmno").sel.iif, "abcdefghijklmno");
	assert_string_equal(read_text("dev eth0 iif e").sel.iif, "e");
	assert_string_equal(read_text("oif not not").sel.oif, "not");
	assert_refused("iif abcdefghijklmnop", "abcdefghijklmnop", "up to 15");
	assert_refused("oif a/b", "a/b", "no /");
}

static void test_missing_argument(void **state)
{
	/* A keyword with nothing behind it is named, with what it wants. */
	(void)state;

	assert_refused("from", "from", "wants a prefix");
	assert_refused("from 10.1 dport ", "dport", "wants N or N-M");
	assert_refused("not pref", "pref", "wants a number");
}

static void test_actions(void **state)
{
	/* What says what is done with a packet is the link's, not the selector's, and is told so.
	 */
	(void)state;

	assert_refused("from 10.1 lookup main", "lookup", "the link's own");
	assert_refused("table 5", "table", "the link's own");
	assert_refused("from 10.1 blackhole", "blackhole", "action");
	assert_refused("suppress_prefixlength 0", "suppress_prefixlength", "action");
	assert_refused("goto 5", "goto", "action");
	assert_refused("realms 1", "realms", "action");
	assert_refused("dscp 8", "dscp", "not accepted here");
	assert_refused("tun_id 8", "tun_id", "not accepted here");
}

static void test_hostile_text(void **state)
{
	/* Nothing that a terminal or a log would act on comes back in a message, and a text without
	 * end is not read to its end. */
	char text[2 * MH_SELECTOR_SIZE];
	struct reading reading;
	(void)state;

	reading = read_text("from 10.1\nlookup main");
	assert_int_equal(reading.r, -EINVAL);
	assert_int_equal(reading.error.offset, 9);
	reading = read_text("\303\244\033[31m");
	assert_int_equal(reading.r, -EINVAL);
	assert_null(strpbrk(reading.error.message, "\033\303\244"));
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	reading = read_text(text);
	assert_int_equal(reading.r, -EINVAL);
	assert_non_null(strstr(reading.error.message, "1023 bytes"));
	text[MH_SELECTOR_SIZE - 1] = '\0';
	reading = read_text(text);
	assert_non_null(strstr(reading.error.message, "aaa...\" is no keyword"));
	memset(text, ' ', MH_SELECTOR_SIZE - 1);
	assert_int_equal(read_text(text).r, AF_UNSPEC);
}

static void test_outputs(void **state)
{
	/* Outputs are optional, and on failure left as they were. */
	struct mh_selector sel, before;
	uint32_t pref = 9;
	(void)state;

	memset(&sel, 0x55, sizeof(sel));
	before = sel;
	assert_int_equal(mh_selector_parse("pref 5 from x", &sel, &pref, NULL), -EINVAL);
	assert_memory_equal(&sel, &before, sizeof(sel));
	assert_int_equal(pref, 9);
	assert_int_equal(mh_selector_parse("pref 5 from 10.1", &sel, NULL, NULL), AF_INET);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),		cmocka_unit_test(test_every_keyword),
		cmocka_unit_test(test_prefix_notation), cmocka_unit_test(test_any_address),
		cmocka_unit_test(test_bad_prefixes),	cmocka_unit_test(test_mixed_families),
		cmocka_unit_test(test_abbreviations),	cmocka_unit_test(test_marks),
		cmocka_unit_test(test_ports),		cmocka_unit_test(test_uids),
		cmocka_unit_test(test_protocols),	cmocka_unit_test(test_tos),
		cmocka_unit_test(test_interfaces),	cmocka_unit_test(test_missing_argument),
		cmocka_unit_test(test_actions),		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_outputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
