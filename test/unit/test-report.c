// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reports: what is put in comes out, codes have names that scripts rely on.
 */

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "report.h"
#include "util.h"

/* Names in JSON are a contract: words of lower case and hyphens, each code another. */
static void test_names(void **state)
{
	static const char *const fixed[] = {
		[MH_PROBLEM_REFUSED] = "refused",
		[MH_PROBLEM_FOREIGN_DEFAULT] = "foreign-default",
		[MH_PROBLEM_FOREIGN_ROUTE] = "foreign-route",
		[MH_PROBLEM_SAME_ADDRESS] = "same-address",
		[MH_PROBLEM_SAME_TABLE] = "same-table",
		[MH_PROBLEM_NO_NEXTHOP_OBJECTS] = "no-nexthop-objects",
		[MH_PROBLEM_NO_RESILIENT_GROUPS] = "no-resilient-groups",
		[MH_PROBLEM_BAD_RECORD] = "bad-record",
		[MH_PROBLEM_NOT_CARRYING] = "not-carrying",
		[MH_PROBLEM_RECORD_NOT_WRITTEN] = "record-not-written",
	};

	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(fixed); i++)
		assert_string_equal(mh_problem_name((enum mh_problem_code)i), fixed[i]);
	for (int i = 0; i < 64; i++) {
		const char *name = mh_problem_name((enum mh_problem_code)i);

		assert_true(*name);
		for (const char *c = name; *c; c++)
			assert_true(islower((unsigned char)*c) || *c == '-');
		for (int j = 0; j < i && strcmp(name, "unknown"); j++)
			assert_string_not_equal(name, mh_problem_name((enum mh_problem_code)j));
	}
}

/* Problems with and without link and mend, many of them, and empty again after clearing. */
static void test_problems(void **state)
{
	struct mh_report report = MH_REPORT_INIT;

	(void)state;
	assert_int_equal(mh_report_problem(&report, MH_PROBLEM_REFUSED, "isp1", "do this",
					   "%d things of %s", 3, "four"),
			 0);
	for (int i = 1; i < 100; i++)
		assert_int_equal(
			mh_report_problem(&report, MH_PROBLEM_BAD_RECORD, NULL, NULL, "%d", i), 0);
	assert_int_equal(report.n_problems, 100);
	assert_string_equal(report.problems[0].text, "3 things of four");
	assert_string_equal(report.problems[0].mend, "do this");
	assert_string_equal(report.problems[0].ifname, "isp1");
	assert_int_equal(report.problems[0].code, MH_PROBLEM_REFUSED);
	assert_string_equal(report.problems[99].text, "99");
	assert_null(report.problems[99].mend);
	assert_string_equal(report.problems[99].ifname, "");
	mh_report_clear(&report);
	assert_int_equal(report.n_problems, 0);
	assert_null(report.problems);
	mh_report_clear(&report);
}

/* A name that is too long for an interface is cut, not written over what is behind. */
static void test_long_name(void **state)
{
	struct mh_report report = MH_REPORT_INIT;

	(void)state;
	assert_int_equal(mh_report_problem(&report, MH_PROBLEM_REFUSED, "a-name-of-twenty-one!",
					   NULL, "text"),
			 0);
	assert_string_equal(report.problems[0].ifname, "a-name-of-twent");
	mh_report_clear(&report);
}

/* Changes keep their order, sign and errno, and own their text. */
static void test_changes(void **state)
{
	struct mh_report report = MH_REPORT_INIT;

	(void)state;
	assert_int_equal(mh_report_change(&report, '+', strdup("one"), 0), 0);
	assert_int_equal(mh_report_change(&report, '-', strdup("two"), -EPERM), 0);
	assert_int_equal(mh_report_change(&report, '-', NULL, 0), -ENOMEM);
	assert_int_equal(report.n_changes, 2);
	assert_string_equal(report.changes[0].text, "one");
	assert_int_equal(report.changes[0].sign, '+');
	assert_int_equal(report.changes[1].error, -EPERM);
	mh_report_clear(&report);
	assert_int_equal(report.n_changes, 0);
}

/* Nobody asked for a report: that is no error, and nothing is lost. */
static void test_nobody(void **state)
{
	(void)state;
	assert_int_equal(mh_report_problem(NULL, MH_PROBLEM_REFUSED, NULL, NULL, "text"), 0);
	assert_int_equal(mh_report_change(NULL, '+', strdup("text"), 0), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_names),	  cmocka_unit_test(test_problems),
	cmocka_unit_test(test_long_name), cmocka_unit_test(test_changes),
	cmocka_unit_test(test_nobody),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
