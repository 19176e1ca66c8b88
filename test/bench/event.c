// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One link event beside N - 1 other links, in several ways that lead from the same state to the
 * same state. In this network namespace interfaces t1 … tN with addresses 10.A.B.2 are there
 * already; the event is that t1 goes or comes. What the figures mean is said by run, which calls
 * this.
 *
 *   event rounds N ROUNDS RUN_DIR FOLDER WAY...
 *     Brings all links up by the library, unless the first way is howto. Then in turn each way's
 *     down and up. Prints one line of JSON: of each link's coming up, and of every round, wall
 *     milliseconds and processor milliseconds.
 *   event once N RUN_DIR FOLDER WAY down|up
 *     The links are up already. Does one event between two looks for a file "event: mark", for
 * strace. event storm N RUN_DIR N processes at once bring up one link each, then take it down. As
 * in pppd, one that does not get the lock within a second tries again a second later.
 *
 * Ways: library: mh_link_down() and mh_link_up(). batch: one `ip -batch` of the same changes.
 * replay: these as netlink messages, see replay.c. script: an `ip` for each of them, from a shell
 * under flock. howto: the ip-up and ip-down of the classic howto.
 */

#include <errno.h>
#include <net/if.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "multihome.h"

extern char **environ;

enum way {
	LIBRARY,
	BATCH,
	REPLAY,
	SCRIPT,
	HOWTO,
	WAYS,
};

static const char *const way_names[WAYS] = { "library", "batch", "replay", "script", "howto" };
static const char *const event_names[] = { "down", "up" };

#define MARK "event: mark"

struct bench {
	unsigned int n;
	const char *run_dir;
	const char *folder;
	char replay[4096];
	struct mh_host *host;
	struct mh_link *first;
};

__attribute__((noreturn)) static void fail(const char *what, int r)
{
	fprintf(stderr, "event: %s: %s\n", what, strerror(-r));
	exit(1);
}

/* time */

struct cost {
	double wall;
	double cpu;
};

static double msecs(time_t sec, long nsec)
{
	return (double)sec * 1e3 + (double)nsec / 1e6;
}

static double cpu_of(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return msecs(usage.ru_utime.tv_sec, usage.ru_utime.tv_usec * 1000L) +
	       msecs(usage.ru_stime.tv_sec, usage.ru_stime.tv_usec * 1000L);
}

static struct cost cost_now(void)
{
	struct timespec wall, cpu;

	clock_gettime(CLOCK_MONOTONIC, &wall);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	return (struct cost){ msecs(wall.tv_sec, wall.tv_nsec),
			      msecs(cpu.tv_sec, cpu.tv_nsec) + cpu_of(RUSAGE_CHILDREN) };
}

static struct cost cost_since(struct cost then)
{
	struct cost now = cost_now();

	return (struct cost){ now.wall - then.wall, now.cpu - then.cpu };
}

/* links */

static struct mh_link *describe(unsigned int n)
{
	struct mh_link *link;
	char text[32];
	int r = mh_link_new(&link);

	if (r < 0)
		fail("mh_link_new", r);
	snprintf(link->ifname, sizeof(link->ifname), "t%u", n);
	link->ifindex = (int)if_nametoindex(link->ifname);
	snprintf(text, sizeof(text), "10.%u.%u.2", n / 250 + 1, n % 250);
	r = mh_prefix_parse(text, &link->part[MH_INET].local);
	if (r < 0)
		fail(text, r);
	return link;
}

static void up(struct mh_host *host, const struct mh_link *link)
{
	struct mh_report report = MH_REPORT_INIT;
	int r = mh_link_up(host, link, &report);

	if (r < 0 || report.n_problems)
		fail(report.n_problems ? report.problems[0].text : link->ifname, r);
	mh_report_clear(&report);
}

static void down(struct mh_host *host, const struct mh_link *link)
{
	int r = mh_link_down(host, link->ifindex, 1u << MH_INET, NULL);

	if (r < 0)
		fail(link->ifname, r);
}

/* ways */

static void run(char *const argv[])
{
	pid_t pid;
	int status, r = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);

	if (r)
		fail(argv[0], -r);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			fail("waitpid", -errno);
	}
	if (status) {
		fprintf(stderr, "event: %s %s %s: status %d\n", argv[0], argv[1], argv[2], status);
		exit(1);
	}
}

static void do_event(const struct bench *b, enum way way, bool is_up)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s.%s", b->folder, event_names[is_up], way_names[way]);
	switch (way) {
	case LIBRARY:
		if (is_up)
			up(b->host, b->first);
		else
			down(b->host, b->first);
		break;
	case BATCH:
		run((char *[]){ "ip", "-batch", path, NULL });
		break;
	case REPLAY:
		run((char *[]){ (char *)b->replay, path, NULL });
		break;
	case SCRIPT:
	case HOWTO:
		run((char *[]){ "sh", path, "t1", NULL });
		break;
	case WAYS:
		break;
	}
}

static enum way parse_way(const char *name)
{
	for (int way = 0; way < WAYS; way++) {
		if (!strcmp(way_names[way], name))
			return (enum way)way;
	}
	fail(name, -EINVAL);
}

/* rounds */

static void print_costs(const char *name, const struct cost *costs, unsigned int n)
{
	printf(",\"%s\":{\"wall\":[", name);
	for (unsigned int i = 0; i < n; i++)
		printf("%s%.4f", i ? "," : "", costs[i].wall);
	printf("],\"cpu\":[");
	for (unsigned int i = 0; i < n; i++)
		printf("%s%.4f", i ? "," : "", costs[i].cpu);
	printf("]}");
}

/* One by one, so that each shows what an event costs beside so many others. */
static void all_up(const struct bench *b)
{
	struct cost *costs = calloc(b->n, sizeof(*costs));

	for (unsigned int i = 1; i <= b->n; i++) {
		struct mh_link *link = describe(i);
		struct cost then = cost_now();

		up(b->host, link);
		costs[i - 1] = cost_since(then);
		mh_link_free(link);
	}
	print_costs("growth", costs, b->n);
	free(costs);
}

static void rounds(const struct bench *b, unsigned int n_rounds, char **ways, unsigned int n_ways)
{
	struct cost *costs[WAYS][2];
	char name[32];

	printf("{\"links\":%u", b->n);
	if (parse_way(ways[0]) != HOWTO)
		all_up(b);
	for (unsigned int w = 0; w < n_ways; w++) {
		for (int e = 0; e < 2; e++)
			costs[parse_way(ways[w])][e] = calloc(n_rounds, sizeof(struct cost));
	}
	for (unsigned int i = 0; i < n_rounds; i++) {
		for (unsigned int w = 0; w < n_ways; w++) {
			for (int e = 0; e < 2; e++) {
				struct cost then = cost_now();

				do_event(b, parse_way(ways[w]), e);
				costs[parse_way(ways[w])][e][i] = cost_since(then);
			}
		}
	}
	for (unsigned int w = 0; w < n_ways; w++) {
		for (int e = 0; e < 2; e++) {
			snprintf(name, sizeof(name), "%s_%s", ways[w], event_names[e]);
			print_costs(name, costs[parse_way(ways[w])][e], n_rounds);
			free(costs[parse_way(ways[w])][e]);
		}
	}
	printf("}\n");
}

static void once(const struct bench *b, const char *way, const char *event)
{
	(void)access(MARK, F_OK);
	do_event(b, parse_way(way), !strcmp(event, "up"));
	(void)access(MARK, F_OK);
}

/* storm */

/* @msecs: how long it took; @late: how often the lock was not had within its deadline */
struct storm {
	double msecs;
	unsigned int late;
};

static void storm_one(struct mh_host *host, unsigned int n, bool is_up, struct storm *ret)
{
	struct mh_link *link = describe(n);
	struct cost then = cost_now();
	int r;

	for (;;) {
		r = is_up ? mh_link_up(host, link, NULL)
			  : mh_link_down(host, link->ifindex, 1u << MH_INET, NULL);
		if (r != -ETIMEDOUT)
			break;
		ret->late++;
		sleep(1);
	}
	if (r < 0)
		fail(link->ifname, r);
	ret->msecs = cost_since(then).wall;
	mh_link_free(link);
}

static void storm(const struct bench *b, bool is_up)
{
	size_t size = b->n * sizeof(struct storm);
	struct storm *each = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				  -1, 0);
	unsigned int late = 0;
	struct cost then;

	if (each == MAP_FAILED)
		fail("mmap", -errno);
	fflush(stdout);
	then = cost_now();
	for (unsigned int i = 0; i < b->n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork", -errno);
		if (!pid) {
			storm_one(b->host, i + 1, is_up, &each[i]);
			_exit(0);
		}
	}
	for (unsigned int i = 0; i < b->n; i++) {
		int status;

		if (wait(&status) < 0 || status)
			fail("a process of the storm", -EIO);
	}
	then = cost_since(then);
	for (unsigned int i = 0; i < b->n; i++)
		late += each[i].late;
	printf(",\"%s\":{\"wall\":%.1f,\"cpu\":%.1f,\"late\":%u,\"each\":[", event_names[is_up],
	       then.wall, then.cpu, late);
	for (unsigned int i = 0; i < b->n; i++)
		printf("%s%.1f", i ? "," : "", each[i].msecs);
	printf("]}");
	munmap(each, size);
}

static int usage(void)
{
	fprintf(stderr, "usage: event rounds N ROUNDS RUN_DIR FOLDER WAY...\n"
			"       event once N RUN_DIR FOLDER WAY down|up\n"
			"       event storm N RUN_DIR\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	int r;

	if (argc < 4)
		return usage();
	b.n = (unsigned int)atoi(argv[2]);
	b.first = describe(1);
	snprintf(b.replay, sizeof(b.replay), "%.*sreplay",
		 (int)(strrchr(argv[0], '/') - argv[0] + 1), argv[0]);
	if (!strcmp(argv[1], "rounds") && argc > 6) {
		b.run_dir = argv[4];
		b.folder = argv[5];
	} else if (!strcmp(argv[1], "once") && argc == 7) {
		b.run_dir = argv[3];
		b.folder = argv[4];
	} else if (!strcmp(argv[1], "storm") && argc == 4) {
		b.run_dir = argv[3];
	} else {
		return usage();
	}
	r = mh_host_open(b.run_dir, &b.host);
	if (r < 0)
		fail(b.run_dir, r);
	if (!strcmp(argv[1], "rounds")) {
		rounds(&b, (unsigned int)atoi(argv[3]), &argv[6], (unsigned int)argc - 6);
	} else if (!strcmp(argv[1], "once")) {
		once(&b, argv[5], argv[6]);
	} else {
		printf("{\"links\":%u", b.n);
		storm(&b, true);
		storm(&b, false);
		printf("}\n");
	}
	mh_link_free(b.first);
	mh_host_close(b.host);
	return 0;
}
