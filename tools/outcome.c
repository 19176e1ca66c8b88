// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What commands have in common: reading numbers and prefixes, and saying how an operation went:
 * what failed, for which link, and what follows from it, each once.
 */

#include <errno.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

#define REFUSED_SHOWN 3

int mh_parse_number(const char *text, uint64_t max, uint64_t *ret)
{
	unsigned long long number;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, text[1] == 'x' || text[1] == 'X' ? 16 : 10);
	if (*end || errno || number > max)
		return -EINVAL;
	*ret = number;
	return 0;
}

int mh_read_prefix(const struct mh_context *ctx, const char *before, const char *text,
		   struct mh_prefix *ret)
{
	int r = mh_prefix_parse(text, ret);

	if (r == -EDOM)
		return mh_usage(ctx, "%s%s: bits set behind the length: a prefix without accepted",
				before, text);
	if (r < 0)
		return mh_usage(ctx, "%s%s: an IPv4 or IPv6 prefix accepted", before, text);
	return 0;
}

/* Of many the first are named. */
void mh_print_refused(FILE *file, const struct mh_link_status *status)
{
	char text[MH_PREFIX_TEXT_SIZE];

	if (!status->n_refused)
		return;
	fprintf(file, "%s is gone: ", status->link->ifname);
	for (size_t i = 0; i < status->n_refused && i < REFUSED_SHOWN; i++) {
		mh_prefix_format(&status->refused[i], text);
		fprintf(file, "%s%s", i ? ", " : "", text);
	}
	if (status->n_refused > REFUSED_SHOWN)
		fprintf(file, " and %zu more", status->n_refused - REFUSED_SHOWN);
	fprintf(file, " refused until it is back; \"multihome down %s\" ends it\n",
		status->link->ifname);
}

bool mh_is_meant(const char *ifname, const char *only)
{
	return !only || !*ifname || !strcmp(ifname, only);
}

void mh_print_problems(const struct mh_report *report)
{
	for (size_t i = 0; i < report->n_problems; i++) {
		const struct mh_problem *problem = &report->problems[i];

		fprintf(stderr, "multihome: %s%s%s%s%s\n", problem->ifname,
			*problem->ifname ? ": " : "", problem->text, problem->mend ? "; " : "",
			problem->mend ? problem->mend : "");
	}
}

static bool is_told(const struct mh_report *report, int r)
{
	for (size_t i = 0; i < report->n_problems; i++) {
		enum mh_problem_code code = report->problems[i].code;

		if (code == MH_PROBLEM_RECORD_NOT_WRITTEN ||
		    (r == -EINVAL && code == MH_PROBLEM_BAD_ADDRESS) ||
		    (r == -EADDRINUSE && code == MH_PROBLEM_SAME_ADDRESS) ||
		    (r == -EBUSY && code == MH_PROBLEM_LAST_LINK))
			return true;
	}
	return false;
}

static void print_failure(const struct mh_context *ctx, const char *ifname, int r)
{
	const char *run_dir = ctx->run_dir ? ctx->run_dir : "/run/multihome";
	const char *sep = ifname ? ": " : "";

	ifname = ifname ? ifname : "";
	if (r == -ETIMEDOUT)
		fprintf(stderr,
			"multihome: %s%sanother process kept %s/lock for too long: nothing was "
			"changed; try again\n",
			ifname, sep, run_dir);
	else if (r == -EPERM)
		fprintf(stderr,
			"multihome: %s%sno right to change routes: nothing was changed; run it as "
			"root\n",
			ifname, sep);
	else if (r == -ENODEV)
		fprintf(stderr, "multihome: %s%sno such link: nothing was changed\n", ifname, sep);
	else if (r == -EADDRNOTAVAIL)
		fprintf(stderr, "multihome: %s%sthe address has gone: nothing was changed\n",
			ifname, sep);
	else if (r == -EACCES || r == -EROFS || r == -ENOSPC || r == -EUCLEAN || r == -ENOTDIR)
		fprintf(stderr, "multihome: %s%s%s: %s: nothing was changed\n", ifname, sep,
			run_dir, strerror(-r));
	else if (r == -EAGAIN)
		fprintf(stderr,
			"multihome: %s%srules and routes kept changing while they were read: "
			"run \"multihome reconcile\"\n",
			ifname, sep);
	else
		fprintf(stderr,
			"multihome: %s%s%s: it may be on record and not in the kernel: run "
			"\"multihome reconcile\"\n",
			ifname, sep, strerror(-r));
}

int mh_finish(const struct mh_context *ctx, const char *ifname, int r,
	      const struct mh_report *report)
{
	mh_print_problems(report);
	if (r < 0 && !is_told(report, r))
		print_failure(ctx, ifname, r);
	return r < 0 ? MH_EXIT_FAILED : MH_EXIT_DONE;
}
