// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A plugin for pppd that tells how long another one keeps it: named both before and after that one,
 * it is called before and after it when the link comes up or goes. Each time /run/multihome-stamps
 * gets a line: "up" or "down", then microseconds of the clock and of the processor.
 */

#include <pppd/pppd.h>
#ifndef PPPD_VERSION
#include <pppd/patchlevel.h>
#define PPPD_VERSION VERSION
#define PPPD_24
#endif
#include <stdio.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT extern const char pppd_version[];
const char pppd_version[] = PPPD_VERSION;

static double usecs(clockid_t clock)
{
	struct timespec t = { 0 };

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* In turn the call before the other plugin's and the one after it. */
static void note(const char *event)
{
	static struct {
		bool begun;
		double clock;
		double cpu;
	} before;
	double clock = usecs(CLOCK_MONOTONIC), cpu = usecs(CLOCK_PROCESS_CPUTIME_ID);
	FILE *f;

	before.begun = !before.begun;
	if (before.begun) {
		before.clock = usecs(CLOCK_MONOTONIC);
		before.cpu = usecs(CLOCK_PROCESS_CPUTIME_ID);
		return;
	}
	f = fopen("/run/multihome-stamps", "ae");
	if (!f)
		return;
	fprintf(f, "%s %.3f %.3f\n", event, clock - before.clock, cpu - before.cpu);
	fclose(f);
}

static void is_up(void *arg, int value)
{
	(void)arg;
	(void)value;
	note("up");
}

static void is_down(void *arg, int value)
{
	(void)arg;
	(void)value;
	note("down");
}

EXPORT void plugin_init(void);
void plugin_init(void)
{
#ifndef PPPD_24
	ppp_add_notify(NF_IP_UP, is_up, NULL);
	ppp_add_notify(NF_IP_DOWN, is_down, NULL);
#else
	add_notifier(&ip_up_notifier, is_up, NULL);
	add_notifier(&ip_down_notifier, is_down, NULL);
#endif
}
