// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Addresses and prefixes: notation, order, containment.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "state.h"

static struct mh_prefix prefix_of(const char *text)
{
	struct mh_prefix prefix = { 0 };

	assert_int_equal(mh_prefix_parse(text, &prefix), 0);
	return prefix;
}

/* What an owner writes, and how it is shown to him: the shortest form of the same. */
static void test_notation(void **state)
{
	static const char *const cases[][2] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "192.0.2.1/32", "192.0.2.1" },
		{ "192.0.2.0/24", "192.0.2.0/24" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.254/31", "255.255.255.254/31" },
		{ "2001:DB8:0:0::1", "2001:db8::1" },
		{ "2001:db8::1/128", "2001:db8::1" },
		{ "2001:db8::/32", "2001:db8::/32" },
		{ "::/0", "::/0" },
		{ "::", "::" },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
		{ "fe80::/10", "fe80::/10" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127" },
	};

	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(cases); i++) {
		struct mh_prefix prefix = prefix_of(cases[i][0]);
		char text[MH_PREFIX_TEXT_SIZE];

		mh_prefix_format(&prefix, text);
		assert_string_equal(text, cases[i][1]);
		assert_int_equal(prefix.family, strchr(text, ':') ? AF_INET6 : AF_INET);
	}
}

/* What cannot be right is refused, each kind with its errno, and the output is left alone. */
static void test_refused(void **state)
{
	static const struct {
		const char *text;
		int r;
	} cases[] = {
		{ "", -EINVAL },
		{ "/24", -EINVAL },
		{ "192.0.2.1/", -EINVAL },
		{ "192.0.2.1/ 24", -EINVAL },
		{ "192.0.2.1/+4", -EINVAL },
		{ "192.0.2.1/-1", -EINVAL },
		{ "192.0.2.1/2x", -EINVAL },
		{ "192.0.2.1/24/8", -EINVAL },
		{ "192.0.2.1/0000", -EINVAL },
		{ "192.0.2.1/255.255.255.0", -EINVAL },
		{ "192.0.2", -EINVAL },
		{ "192.0.2.256", -EINVAL },
		{ " 192.0.2.1", -EINVAL },
		{ "192.0.2.1 ", -EINVAL },
		{ "host.example", -EINVAL },
		{ "2001:db8:::1", -EINVAL },
		{ "fe80::1%eth0", -EINVAL },
		{ "2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0001", -EINVAL },
		{ "192.0.2.0/33", -ERANGE },
		{ "192.0.2.0/999", -ERANGE },
		{ "2001:db8::/129", -ERANGE },
		{ "192.0.2.1/24", -EDOM },
		{ "192.0.2.129/24", -EDOM },
		{ "192.0.2.1/31", -EDOM },
		{ "1.0.0.0/0", -EDOM },
		{ "2001:db8::1/64", -EDOM },
		{ "8000::/0", -EDOM },
	};
	struct mh_prefix before, prefix;

	(void)state;
	memset(&before, 0x5a, sizeof(before));
	for (size_t i = 0; i < MH_ARRAY_SIZE(cases); i++) {
		prefix = before;
		if (mh_prefix_parse(cases[i].text, &prefix) != cases[i].r)
			print_error("\"%s\"\n", cases[i].text);
		assert_int_equal(mh_prefix_parse(cases[i].text, &prefix), cases[i].r);
		assert_memory_equal(&prefix, &before, sizeof(before));
	}
}

/* No address at all has a text too, so that no caller prints rubbish. */
static void test_none(void **state)
{
	struct mh_prefix none = { 0 };
	char text[MH_PREFIX_TEXT_SIZE];

	(void)state;
	mh_prefix_format(&none, text);
	assert_string_equal(text, "none");
	assert_false(mh_prefix_is_set(&none));
}

/* The order: family, address, length; each but equal to itself alone. */
static void test_order(void **state)
{
	static const char *const ascending[] = {
		"0.0.0.0/0",	 "10.0.0.0/8",	  "10.0.0.0/16", "10.0.0.0",
		"10.0.0.1",	 "192.0.2.0/24",  "::/0",	 "::",
		"2001:db8::/32", "2001:db8::/64", "fe80::1",
	};

	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(ascending); i++) {
		for (size_t j = 0; j < MH_ARRAY_SIZE(ascending); j++) {
			struct mh_prefix a = prefix_of(ascending[i]), b = prefix_of(ascending[j]);
			int c = mh_prefix_compare(&a, &b);

			assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
			assert_int_equal(mh_prefix_equal(&a, &b), i == j);
		}
	}
}

/* Which prefix is in which, also where the length is no multiple of eight. */
static void test_contains(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool contains;
	} cases[] = {
		{ "0.0.0.0/0", "192.0.2.1", true },
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.0/24", "192.0.2.0/24", true },
		{ "192.0.2.0/25", "192.0.2.0/24", false },
		{ "192.0.2.64/27", "192.0.2.95", true },
		{ "192.0.2.64/27", "192.0.2.96", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "192.0.2.1", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
	};

	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(cases); i++) {
		struct mh_prefix outer = prefix_of(cases[i].outer);
		struct mh_prefix inner = prefix_of(cases[i].inner);

		assert_int_equal(mh_prefix_contains(&outer, &inner), cases[i].contains);
	}
}

/* Families, to and fro. */
static void test_families(void **state)
{
	(void)state;
	for (enum mh_family family = MH_INET; family < MH_FAMILIES; family++)
		assert_int_equal(mh_family_from_af(mh_family_af(family)), family);
	assert_int_equal(mh_family_from_af(AF_UNSPEC), -EAFNOSUPPORT);
	assert_int_equal(mh_family_from_af(AF_UNIX), -EAFNOSUPPORT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_notation), cmocka_unit_test(test_refused),
	cmocka_unit_test(test_none),	 cmocka_unit_test(test_order),
	cmocka_unit_test(test_contains), cmocka_unit_test(test_families),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
