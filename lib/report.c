// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reports: what was changed and what is not as it should be. Pure; the texts come from the callers.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "util.h"

const char *mh_problem_name(enum mh_problem_code code)
{
	switch (code) {
	case MH_PROBLEM_REFUSED:
		return "refused";
	case MH_PROBLEM_FOREIGN_DEFAULT:
		return "foreign-default";
	case MH_PROBLEM_FOREIGN_ROUTE:
		return "foreign-route";
	case MH_PROBLEM_SAME_ADDRESS:
		return "same-address";
	case MH_PROBLEM_SAME_TABLE:
		return "same-table";
	case MH_PROBLEM_NO_NEXTHOP_OBJECTS:
		return "no-nexthop-objects";
	case MH_PROBLEM_NO_RESILIENT_GROUPS:
		return "no-resilient-groups";
	case MH_PROBLEM_BAD_RECORD:
		return "bad-record";
	case MH_PROBLEM_NOT_CARRYING:
		return "not-carrying";
	case MH_PROBLEM_RECORD_NOT_WRITTEN:
		return "record-not-written";
	case MH_PROBLEM_LAST_LINK:
		return "last-link";
	case MH_PROBLEM_OUT_OF_STEP:
		return "out-of-step";
	case MH_PROBLEM_LEFTOVER:
		return "leftover";
	case MH_PROBLEM_FOREIGN_RULE:
		return "foreign-rule";
	case MH_PROBLEM_SPLIT_DEFAULT:
		return "split-default";
	case MH_PROBLEM_RP_FILTER:
		return "rp-filter";
	case MH_PROBLEM_NETWORKD:
		return "networkd";
	case MH_PROBLEM_HASH_POLICY:
		return "hash-policy";
	case MH_PROBLEM_FORWARDING:
		return "forwarding";
	case MH_PROBLEM_UNKNOWN_TABLE:
		return "unknown-table";
	case MH_PROBLEM_TABLE_TWICE:
		return "table-twice";
	case MH_PROBLEM_DEFAULTROUTE:
		return "defaultroute";
	case MH_PROBLEM_SAME_MARK:
		return "same-mark";
	case MH_PROBLEM_BAD_ADDRESS:
		return "bad-address";
	case MH_PROBLEM_ACCEPT_RA:
		return "accept-ra";
	case MH_PROBLEM_NO_DEFAULT:
		return "no-default";
	case MH_PROBLEM_IFNAME:
		return "ifname";
	}
	return "unknown";
}

static void clear_problem(struct mh_problem *problem)
{
	free(problem->text);
	free(problem->mend);
}

void mh_report_clear(struct mh_report *report)
{
	for (size_t i = 0; i < report->n_links; i++)
		mh_link_free(report->links[i]);
	free(report->links);
	for (size_t i = 0; i < report->n_changes; i++)
		free(report->changes[i].text);
	for (size_t i = 0; i < report->n_problems; i++)
		clear_problem(&report->problems[i]);
	free(report->changes);
	free(report->problems);
	*report = (struct mh_report)MH_REPORT_INIT;
}

int mh_report_problem(struct mh_report *report, enum mh_problem_code code, const char *ifname,
		      const char *mend, const char *format, ...)
{
	struct mh_problem problem = { .code = code };
	va_list args;
	int r;

	if (!report)
		return 0;
	if (ifname)
		snprintf(problem.ifname, sizeof(problem.ifname), "%s", ifname);
	va_start(args, format);
	r = vasprintf(&problem.text, format, args);
	va_end(args);
	if (r < 0)
		return -ENOMEM;
	if (mend) {
		problem.mend = strdup(mend);
		if (!problem.mend) {
			clear_problem(&problem);
			return -ENOMEM;
		}
	}
	r = mh_append(report->problems, report->n_problems, problem);
	if (r < 0)
		clear_problem(&problem);
	return r;
}

int mh_report_change(struct mh_report *report, char sign, char *text, int error)
{
	struct mh_change change = { .sign = sign, .text = text, .error = error };
	int r = -ENOMEM;

	if (report && text)
		r = mh_append(report->changes, report->n_changes, change);
	if (r < 0)
		free(text);
	return report ? r : 0;
}
