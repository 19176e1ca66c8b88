// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the log and pppd's scripts are told of an event. Each failure is said once: what the log has
 * is remembered, and said again only after it was better meanwhile. When there is something to tell
 * is multihome.c's part.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tell.h"

#define LINE_SIZE 1024

static void told_clear(struct mh_told *told)
{
	for (size_t i = 0; i < told->n; i++)
		free(told->v[i]);
	free(told->v);
	*told = (struct mh_told){ 0 };
}

static bool told_have(const struct mh_told *told, const char *line)
{
	for (size_t i = 0; i < told->n; i++)
		if (!strcmp(told->v[i], line))
			return true;
	return false;
}

/* Without memory the line is not kept, and may be said again. */
static void told_add(struct mh_told *told, const char *line)
{
	char **v = reallocarray(told->v, told->n + 1, sizeof(*v));

	if (!v)
		return;
	told->v = v;
	v[told->n] = strdup(line);
	if (v[told->n])
		told->n++;
}

/* Of why an operation has failed the library may know more than the errno @r. */
static bool is_cause(const struct mh_problem *problem, int r)
{
	return r < 0 && (problem->code == MH_PROBLEM_RECORD_NOT_WRITTEN ||
			 (problem->code == MH_PROBLEM_BAD_ADDRESS && r == -EINVAL) ||
			 (problem->code == MH_PROBLEM_SAME_ADDRESS && r == -EADDRINUSE));
}

void mh_tell_problems(struct mh_told *told, const struct mh_link *link,
		      const struct mh_report *report, int r)
{
	struct mh_told now = { 0 };
	char line[LINE_SIZE];

	for (size_t i = 0; i < report->n_problems; i++) {
		const struct mh_problem *problem = &report->problems[i];

		if (*problem->ifname && strcmp(problem->ifname, link->ifname))
			continue;
		/* That is what mh_tell_failure() says. */
		if (is_cause(problem, r))
			continue;
		snprintf(line, sizeof(line), "multihome: %s%s%s%s%s", problem->ifname,
			 *problem->ifname ? ": " : "", problem->text, problem->mend ? "; " : "",
			 problem->mend ? problem->mend : "");
		if (!told_have(told, line) && !told_have(&now, line))
			mh_pppd_log(MH_PPPD_WARNING, "%s", line);
		told_add(&now, line);
	}
	told_clear(told);
	*told = now;
}

void mh_tell_changes(enum mh_pppd_level level, const struct mh_report *report)
{
	for (size_t i = 0; i < report->n_changes; i++) {
		const struct mh_change *change = &report->changes[i];

		mh_pppd_log(level, "multihome: %c %s%s%s", change->sign, change->text,
			    change->error ? ": " : "",
			    change->error ? strerror(-change->error) : "");
	}
}

/* The link as it is on record, with the table and weight in use; else as it was asked for. */
static const struct mh_link *in_use(const struct mh_link *link, const struct mh_report *report)
{
	for (size_t i = 0; i < report->n_links; i++)
		if (report->links[i]->ifindex == link->ifindex)
			return report->links[i];
	return link;
}

static void set_number(const char *name, uint32_t number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	mh_pppd_setenv(name, text);
}

/* As many as fit. */
static void names_of(const struct mh_report *report, char names[LINE_SIZE])
{
	size_t n = 0;

	names[0] = '\0';
	for (size_t i = 0; i < report->n_links && n + MH_IFNAME_SIZE < LINE_SIZE; i++)
		n += snprintf(names + n, LINE_SIZE - n, "%s%s", i ? " " : "",
			      report->links[i]->ifname);
}

/* Of a link that has gone ip-down finds what ip-up found, but for the links that are left. */
void mh_tell_scripts(const struct mh_link *asked, bool up, const struct mh_report *report)
{
	const struct mh_link *link = in_use(asked, report);
	char names[LINE_SIZE];

	if (up) {
		if (link->table)
			set_number("MULTIHOME_TABLE", link->table);
		set_number("MULTIHOME_WEIGHT", link->weight);
		set_number("MULTIHOME_METRIC", link->metric);
	}
	names_of(report, names);
	mh_pppd_setenv("MULTIHOME_LINKS_UP", names);
}

/* A link that is up but not in use has none of it; of one that goes only the others are unknown. */
void mh_tell_scripts_nothing(bool up)
{
	if (up) {
		mh_pppd_setenv("MULTIHOME_TABLE", NULL);
		mh_pppd_setenv("MULTIHOME_WEIGHT", NULL);
		mh_pppd_setenv("MULTIHOME_METRIC", NULL);
	}
	mh_pppd_setenv("MULTIHOME_LINKS_UP", NULL);
}

void mh_tell_up(const struct mh_link *asked, const struct mh_report *report)
{
	const struct mh_link *link = in_use(asked, report);
	char addresses[MH_FAMILIES * (MH_PREFIX_TEXT_SIZE + 2)] = "";
	char address[MH_PREFIX_TEXT_SIZE];
	char table[16] = "its own";
	size_t n = 0;

	for (enum mh_family family = 0; family < MH_FAMILIES; family++) {
		if (!asked->part[family].local.family)
			continue;
		mh_prefix_format(&asked->part[family].local, address);
		n += snprintf(addresses + n, sizeof(addresses) - n, ", %s", address);
	}
	if (link->table)
		snprintf(table, sizeof(table), "%u", link->table);
	mh_pppd_log(MH_PPPD_INFO, "multihome: %s up: table %s, weight %u, metric %u, address %s",
		    asked->ifname, table, link->weight, link->metric, n ? addresses + 2 : "none");
}

void mh_tell_down(const struct mh_link *link, const struct mh_report *report)
{
	char names[LINE_SIZE];

	names_of(report, names);
	mh_pppd_log(MH_PPPD_INFO, "multihome: %s down: %s%s", link->ifname,
		    *names ? "links that are left: " : "no link is left", names);
}

static const char *cause_of(int r)
{
	if (r == -ETIMEDOUT)
		return "another process kept /run/multihome/lock for too long (fuser names it)";
	if (r == -EPERM)
		return "no right to change routes (CAP_NET_ADMIN): start pppd as root";
	if (r == -ENODEV)
		return "the interface is gone";
	if (r == -EADDRNOTAVAIL)
		return "the interface does not have the negotiated address";
	if (r == -EAGAIN)
		return "rules and routes kept changing while they were read";
	return strerror(-r);
}

static const struct mh_problem *find_cause(const struct mh_report *report, int r)
{
	for (size_t i = 0; i < report->n_problems; i++)
		if (is_cause(&report->problems[i], r))
			return &report->problems[i];
	return NULL;
}

void mh_tell_failure(const struct mh_link *link, bool up, int r, unsigned int seconds,
		     const struct mh_report *report)
{
	const struct mh_problem *problem = find_cause(report, r);
	const char *ifname = link->ifname;
	char next[64] = "";

	if (seconds)
		snprintf(next, sizeof(next), "; trying again every %u s", seconds);
	if (problem)
		mh_pppd_log(MH_PPPD_ERROR, "multihome: %s: %s%s%s%s", ifname, problem->text,
			    problem->mend ? "; " : "", problem->mend ? problem->mend : "", next);
	else if (up)
		mh_pppd_log(MH_PPPD_ERROR, "multihome: %s is up, but no traffic goes by it: %s%s",
			    ifname, cause_of(r), next);
	else
		mh_pppd_log(MH_PPPD_ERROR,
			    "multihome: %s is down, but its rules and table stay until the next "
			    "event of any link: %s%s",
			    ifname, cause_of(r), next);
}

void mh_tell_not_followed(const struct mh_link *link, int r)
{
	mh_pppd_log(MH_PPPD_ERROR,
		    "multihome: %s: its IPv6 addresses have changed, but not its rules: %s",
		    link->ifname, cause_of(r));
}
