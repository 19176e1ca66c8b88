// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The operations of multihome.h while requests to the kernel go wrong: the process dies between any
 * two changes, any change is refused. All points of all events, none sampled, for one to four
 * links of either family and of both; on the fake kernel and, as test-host.c is, on the real one.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "stage.h"

/* What is told at the end. @pairs: of a point and the event that came next */
static struct {
	size_t points;
	size_t pairs;
	size_t refusals;
} count;

/* The first event is cut after each of its changes in turn; the second ends as it should. */
static void crash_everywhere(struct stage *stage, enum event first, enum event second)
{
	mh_cleanup(mh_freep) char *expected = NULL;
	size_t n_ops, n, nth = nth_following(stage, first, second, &n);

	set_scene(stage, first);
	happen_well(stage, first);
	n_ops = stage->bed->fault.n_ops;
	happen_well(stage, second);
	expected = state_of(stage);
	for (size_t i = 0; i < n_ops; i++) {
		mh_cleanup(mh_freep) char *state = NULL;

		if (!is_its_turn(i, nth, n))
			continue;
		set_scene(stage, first);
		stage->bed->fault.stop_after = i;
		assert_int_equal(happen(stage, first, NULL), -ECANCELED);
		mh_fault_none(&stage->bed->fault);
		if (mh_bed_is_real || second == RECONCILE)
			assert_sane(stage, staying(stage, first));
		happen_well(stage, second);
		state = state_of(stage);
		if (strcmp(state, expected))
			print_error("%d links, families %u, %s cut after %zu of %zu, then %s\n",
				    stage->scenario.links, stage->scenario.families,
				    event_name(first), i, n_ops, event_name(second));
		assert_string_equal(state, expected);
		count.pairs++;
	}
	count.points += second == RECONCILE ? n_ops : 0;
}

static void crash_scenario(struct mh_bed *bed, const struct scenario *scenario)
{
	mh_cleanup(stage_end) struct stage stage;

	stage_begin(&stage, bed, scenario);
	for (enum event first = 0; first < RECONCILE; first++) {
		for (enum event second = EVENTS; second-- > 0;) {
			if (can_follow(&stage, first, second))
				crash_everywhere(&stage, first, second);
		}
	}
}

/* A power cut, or kill -9, between any two changes of any event, and any event after it. */
static void test_crash(void **state)
{
	(void)state;
	each_scenario(crash_scenario);
	printf("# %zu crash points, followed by %s event: %zu runs\n", count.points,
	       count.pairs == count.points ? "one" : "every", count.pairs);
}

/* Two crashes on end: of the event, and of the one that mends it. */
static void test_crash_twice(void **state)
{
	mh_cleanup(stage_end) struct stage stage;
	mh_cleanup(mh_freep) char *expected = NULL;
	struct scenario scenario = { MH_BED_BOTH, 2, false };
	size_t n_ops;

	stage_begin(&stage, *state, &scenario);
	set_scene(&stage, CHANGE);
	happen_well(&stage, CHANGE);
	expected = state_of(&stage);
	n_ops = stage.bed->fault.n_ops;
	for (size_t i = 0; i < n_ops; i++) {
		for (size_t j = 0; j < 4; j++) {
			mh_cleanup(mh_freep) char *now = NULL;

			set_scene(&stage, CHANGE);
			stage.bed->fault.stop_after = i;
			assert_int_equal(happen(&stage, CHANGE, NULL), -ECANCELED);
			mh_fault_none(&stage.bed->fault);
			stage.bed->fault.stop_after = j;
			(void)happen(&stage, RECONCILE, NULL);
			mh_fault_none(&stage.bed->fault);
			happen_well(&stage, RECONCILE);
			now = state_of(&stage);
			assert_string_equal(now, expected);
		}
	}
}

static const int refusals[] = { -EPERM, -EEXIST, -ENOENT, -ENOBUFS, -ENODEV, -EINTR };

/* What is to be deleted and is not there is no refusal. */
static bool is_harmless(const struct mh_report *report, int error, size_t at)
{
	return (error == -ENOENT || error == -ENODEV) && report->changes[at - 1].sign == '-';
}

static bool has_error(const struct mh_report *report, int error)
{
	for (size_t i = 0; i < report->n_changes; i++) {
		if (report->changes[i].error == error)
			return true;
	}
	return false;
}

static void refuse_one(struct stage *stage, enum event event, size_t at, int error,
		       const char *expected)
{
	mh_cleanup(mh_freep) char *state = NULL;
	struct mh_report report = MH_REPORT_INIT;
	bool ok;
	int r;

	set_scene(stage, event);
	stage->bed->fault.refuse_at = at;
	stage->bed->fault.refuse_error = error;
	r = happen(stage, event, &report);
	assert_true(stage->bed->fault.refused);
	mh_fault_none(&stage->bed->fault);
	state = state_of(stage);
	if (r == -EPERM)
		ok = error == -EPERM;
	else
		ok = !r && (is_harmless(&report, error, at) ||
			    (has_error(&report, error) &&
			     (!strcmp(state, expected) || report.n_problems)));
	if (!ok) {
		mh_bed_print(&report);
		fail_msg("%s: change %zu refused with %d: %d", event_name(event), at, error, r);
	}
	mh_report_clear(&report);
}

/*
 * Each change is refused once, with each errno: the event ends, tells of it, and where something is
 * then missing names it as a problem; a later reconcile makes all right.
 */
static void refuse_scenario(struct mh_bed *bed, const struct scenario *scenario)
{
	mh_cleanup(stage_end) struct stage stage;

	stage_begin(&stage, bed, scenario);
	for (enum event event = 0; event < RECONCILE; event++) {
		mh_cleanup(mh_freep) char *expected = NULL;
		size_t n_ops;

		set_scene(&stage, event);
		happen_well(&stage, event);
		n_ops = bed->fault.n_ops;
		expected = state_of(&stage);
		for (size_t j = 0; j < n_ops * MH_ARRAY_SIZE(refusals); j++) {
			mh_cleanup(mh_freep) char *state = NULL;

			if (!is_its_turn(j % n_ops, j / n_ops, MH_ARRAY_SIZE(refusals)))
				continue;
			count.refusals++;
			refuse_one(&stage, event, 1 + j % n_ops, refusals[j / n_ops], expected);
			happen_well(&stage, event == FLUSH ? FLUSH : RECONCILE);
			state = state_of(&stage);
			assert_string_equal(state, expected);
		}
	}
}

static void test_refused(void **state)
{
	(void)state;
	each_scenario(refuse_scenario);
	printf("# %zu requests refused\n", count.refusals);
}

/* A link whose nexthops the kernel refuses must not keep the others out of their group. */
static void test_refused_nexthop_alone(void **state)
{
	struct mh_bed *bed = *state;
	mh_cleanup(stage_end) struct stage stage;
	struct mh_report report = MH_REPORT_INIT;

	stage_begin(&stage, bed, &(struct scenario){ MH_BED_INET, 2, false });
	mh_bed_up(bed, stage.links[0]);
	mh_fault_none(&bed->fault);
	bed->fault.refuse_at = 1;
	bed->fault.refuse_error = -ENODEV;
	assert_int_equal(mh_link_up(bed->host, stage.links[1], &report), 0);
	assert_true(mh_bed_has_problem(&report, MH_PROBLEM_REFUSED, "isp2"));
	assert_non_null(strstr(report.problems[0].text, "the test's will"));
	mh_report_clear(&report);
	mh_bed_assert_way(bed, NULL, "isp1 isp2");
	mh_bed_assert_way(bed, "10.9.2.2", "isp2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, mh_bed_set_up, mh_bed_tear_down)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_crash),
	TEST(test_crash_twice),
	cmocka_unit_test(test_refused),
	TEST(test_refused_nexthop_alone),
};

int main(void)
{
	int r = mh_bed_prepare();

	return r < 0 ? mh_bed_skip(r) : cmocka_run_group_tests(tests, NULL, NULL);
}
