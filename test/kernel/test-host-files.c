// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The operations of multihome.h while the file system goes wrong: the process dies at any file
 * operation of an event, any file operation fails. All points of all events, none sampled, for one
 * to four links of either family and of both. On the real kernel the process really dies, by
 * SIGKILL; on the fake one, which would die with it, nothing that it does has an effect any more.
 */

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "../faulty-files.h"
#include "stage.h"

/* What is told at the end. @pairs: of a point and the event that came next */
static struct {
	size_t points;
	size_t pairs;
	size_t failures;
	size_t interrupts;
} count;

static void watch(struct faulty_files fault)
{
	faulty_files = fault;
	faulty_files.watched = true;
}

static void unwatch(void)
{
	faulty_files = (struct faulty_files){ 0 };
}

/* The first link of a host finds no run directory. */
static void set_scene_with_files(struct stage *stage, enum event first)
{
	set_scene(stage, first);
	if (first == UP && stage->scenario.links == 1)
		mh_bed_remove_run_dir(stage->bed);
	stage->bed->fault.dead = &faulty_files.dead;
}

static size_t count_operations(struct stage *stage, enum event event, bool changes)
{
	size_t n;

	set_scene_with_files(stage, event);
	watch((struct faulty_files){ .changes = changes });
	assert_int_equal(happen(stage, event, NULL), 0);
	n = faulty_files.n_ops;
	unwatch();
	assert_true(n > 0);
	return n;
}

#ifdef MH_TEST_FAKE

static void happen_and_die(struct stage *stage, enum event event, size_t at)
{
	watch((struct faulty_files){ .changes = true, .die_at = at });
	(void)happen(stage, event, NULL);
	assert_true(faulty_files.dead);
	unwatch();
}

#else

static void kill_this(void)
{
	raise(SIGKILL);
}

static void happen_and_die(struct stage *stage, enum event event, size_t at)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		watch((struct faulty_files){ .changes = true, .die_at = at, .die = kill_this });
		(void)happen(stage, event, NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

#endif

/* Nothing but a record for each link is in the store. */
static void assert_clean_store(struct stage *stage)
{
	struct mh_link **links = NULL;
	const struct dirent *entry;
	size_t n_links, n = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/links", stage->bed->run_dir);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	closedir(dir);
	assert_int_equal(mh_links(stage->bed->host, &links, &n_links), 0);
	for (size_t i = 0; i < n_links; i++)
		mh_link_free(links[i]);
	free(links);
	assert_int_equal(n, n_links);
}

static char *state_after(struct stage *stage, enum event first, bool happens, enum event second)
{
	set_scene_with_files(stage, first);
	if (happens)
		happen_well(stage, first);
	happen_well(stage, second);
	return state_of(stage);
}

/* It is as if the first event had never been, up to some point, and from there on as if it had. */
static void die_everywhere(struct stage *stage, enum event first, enum event second)
{
	mh_cleanup(mh_freep) char *before = state_after(stage, first, false, second);
	mh_cleanup(mh_freep) char *after = state_after(stage, first, true, second);
	size_t n = count_operations(stage, first, true);
	size_t ways, way = nth_following(stage, first, second, &ways);
	bool happened = false;

	for (size_t at = 1; at <= n; at++) {
		mh_cleanup(mh_freep) char *state = NULL;

		if (!is_its_turn(at, way, ways))
			continue;

		set_scene_with_files(stage, first);
		happen_and_die(stage, first, at);
		if (mh_bed_is_real || second == RECONCILE)
			assert_sane(stage, staying(stage, first));
		happen_well(stage, second);
		assert_clean_store(stage);
		state = state_of(stage);
		happened = happened || strcmp(state, before);
		if (strcmp(state, happened ? after : before))
			print_error("%d links, families %u, %s killed at %zu of %zu, then %s\n",
				    stage->scenario.links, stage->scenario.families,
				    event_name(first), at, n, event_name(second));
		assert_string_equal(state, happened ? after : before);
		count.pairs++;
	}
	count.points += second == RECONCILE ? n : 0;
}

static void die_scenario(struct mh_bed *bed, const struct scenario *scenario)
{
	mh_cleanup(stage_end) struct stage stage;

	stage_begin(&stage, bed, scenario);
	for (enum event first = 0; first < EVENTS; first++) {
		for (enum event second = EVENTS; second-- > 0;) {
			if (can_follow(&stage, first, second))
				die_everywhere(&stage, first, second);
		}
	}
}

/* kill -9 at any file operation of any event, and any event after it. */
static void test_die(void **state)
{
	(void)state;
	each_scenario(die_scenario);
	printf("# %zu crash points, followed by %s event: %zu runs\n", count.points,
	       count.pairs == count.points ? "one" : "every", count.pairs);
}

static const int errors[] = { ENOSPC, EROFS, EACCES };

static void fail_one(struct stage *stage, enum event event, size_t at, int error,
		     const char *before, const char *after)
{
	mh_cleanup(mh_freep) char *state = NULL;
	struct mh_report report = MH_REPORT_INIT;
	bool ok, silent;
	int r;

	set_scene_with_files(stage, event);
	watch((struct faulty_files){ .fail_at = at, .error = error });
	r = happen(stage, event, &report);
	assert_true(faulty_files.n_ops >= at);
	unwatch();
	state = state_of(stage);
	/* Done, or not begun; what failed is the errno, or made no difference. */
	if (r)
		ok = r == -error && (!strcmp(state, before) || !strcmp(state, after));
	else
		ok = !strcmp(state, after);
	if (!ok) {
		mh_bed_print(&report);
		fail_msg("%d links, families %u, %s: file operation %zu fails with %s: %d\n%s",
			 stage->scenario.links, stage->scenario.families, event_name(event), at,
			 strerror(error), r, state);
	}
	silent = !r && !report.n_problems;
	mh_report_clear(&report);
	assert_mended(stage, event, silent, before, after);
	assert_clean_store(stage);
}

static void fail_scenario(struct mh_bed *bed, const struct scenario *scenario)
{
	mh_cleanup(stage_end) struct stage stage;

	stage_begin(&stage, bed, scenario);
	for (enum event event = 0; event < EVENTS; event++) {
		mh_cleanup(mh_freep) char *before = NULL, *after = NULL;
		size_t n = count_operations(&stage, event, false);

		after = state_of(&stage);
		set_scene_with_files(&stage, event);
		before = state_of(&stage);
		for (size_t i = 0; i < n * MH_ARRAY_SIZE(errors); i++) {
			if (!is_its_turn(i % n, i / n, MH_ARRAY_SIZE(errors)))
				continue;
			count.failures++;
			fail_one(&stage, event, 1 + i % n, errors[i / n], before, after);
		}
	}
}

/*
 * Each file operation fails once, with each errno: the event has happened, or ends with that errno
 * and nothing is half done. A reconcile makes the state that of before or after, and of after where
 * nobody was told of a failure; when the event is repeated all is right.
 */
static void test_fail(void **state)
{
	(void)state;
	each_scenario(fail_scenario);
	printf("# %zu file operations failed\n", count.failures);
}

static void interrupt_scenario(struct mh_bed *bed, const struct scenario *scenario)
{
	mh_cleanup(stage_end) struct stage stage;

	stage_begin(&stage, bed, scenario);
	for (enum event event = 0; event < EVENTS; event++) {
		mh_cleanup(mh_freep) char *after = NULL;
		size_t n;

		set_scene_with_files(&stage, event);
		watch((struct faulty_files){ 0 });
		happen_well(&stage, event);
		n = faulty_files.n_blocking;
		unwatch();
		after = state_of(&stage);
		for (size_t at = 1; at <= n; at++) {
			mh_cleanup(mh_freep) char *state = NULL;

			set_scene_with_files(&stage, event);
			watch((struct faulty_files){ .interrupt_at = at });
			happen_well(&stage, event);
			unwatch();
			state = state_of(&stage);
			assert_string_equal(state, after);
			assert_clean_store(&stage);
		}
		count.interrupts += n;
	}
}

/* A signal comes during every call that may block, as SIGCHLD does in pppd: it makes no difference.
 */
static void test_interrupted(void **state)
{
	(void)state;
	each_scenario(interrupt_scenario);
	printf("# %zu file operations interrupted\n", count.interrupts);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_die),
	cmocka_unit_test(test_fail),
	cmocka_unit_test(test_interrupted),
};

int main(void)
{
	int r = mh_bed_prepare();

	return r < 0 ? mh_bed_skip(r) : cmocka_run_group_tests(tests, NULL, NULL);
}
