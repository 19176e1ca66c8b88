// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The loop of snapshot, plan, diff and apply. It ends when the kernel has what the plan calls for,
 * but for what it has refused: an interface can vanish between two steps, and a link that gets no
 * nexthop object must not keep the others out of their group. Needs the lock, which host.c holds.
 */

#include <stdio.h>
#include <string.h>

#include "diff.h"
#include "plan.h"
#include "reconcile.h"

/* Enough for a refused nexthop and a vanished interface in one event. */
#define ROUNDS 5

/*
 * A change that was refused, to be neither tried nor told again in the same run.
 * @nhid: the nexthop object that a route points to; 0: none
 */
struct refusal {
	char sign;
	char *text;
	uint32_t nhid;
	struct mh_result result;
};

struct run {
	struct mh_kernel *kernel;
	struct mh_records *records;
	struct mh_state **snapshot;
	struct mh_report *report;
	struct mh_report problems; /* of the last plan */
	struct mh_refused refused;
	struct refusal *refusals;
	size_t n_refusals;
	bool again; /* what was refused may go well now */
};

static void run_clear(struct run *run)
{
	for (size_t i = 0; i < run->n_refusals; i++)
		free(run->refusals[i].text);
	free(run->refusals);
	free(run->refused.ids);
	mh_report_clear(&run->problems);
}

static char verb_sign(enum mh_verb verb)
{
	switch (verb) {
	case MH_ADD:
	case MH_APPEND:
		return '+';
	case MH_REPLACE:
		return '~';
	case MH_DELETE:
		return '-';
	}
	return '?';
}

/* What was to be deleted and is not there any more is as it should be. */
static bool is_failure(const struct mh_op *op, const struct mh_result *result)
{
	int error = result->error;

	if (op->verb == MH_DELETE &&
	    (error == -ENOENT || error == -ESRCH || error == -ENODEV || error == -EADDRNOTAVAIL))
		return false;
	return error < 0;
}

static const struct refusal *find_refusal(const struct run *run, char sign, const char *text)
{
	for (size_t i = 0; i < run->n_refusals; i++) {
		if (run->refusals[i].sign == sign && !strcmp(run->refusals[i].text, text))
			return &run->refusals[i];
	}
	return NULL;
}

static int note_refusal(struct run *run, const struct mh_op *op, const char *text,
			const struct mh_result *result)
{
	struct refusal refusal = {
		.sign = verb_sign(op->verb),
		.nhid = op->kind == MH_KIND_ROUTE ? op->route->nhid : 0,
		.result = *result,
	};
	int r = 0;

	if (op->kind == MH_KIND_NEXTHOP && !op->nexthop->n_members)
		r = mh_append(run->refused.ids, run->refused.n, op->nexthop->id);
	refusal.text = r ? NULL : strdup(text);
	if (!refusal.text)
		return -ENOMEM;
	r = mh_append(run->refusals, run->n_refusals, refusal);
	if (r < 0)
		free(refusal.text);
	return r;
}

/*
 * What pointed to a nexthop object that was not there is tried again once that is: a group is
 * refused as a whole for one member whose interface has gone. Return: was there any?
 */
static bool forget_refusals(struct run *run, uint32_t nhid)
{
	size_t kept = 0, n = run->n_refusals;

	for (size_t i = 0; i < n; i++) {
		if (run->refusals[i].nhid == nhid)
			free(run->refusals[i].text);
		else
			run->refusals[kept++] = run->refusals[i];
	}
	run->n_refusals = kept;
	return kept < n;
}

static const struct mh_link *link_of_table(const struct run *run, uint32_t table)
{
	for (size_t i = 0; i < run->records->n; i++) {
		if (run->records->v[i].table == table)
			return run->records->v[i].link;
	}
	return NULL;
}

static const struct mh_link *link_of_ifindex(const struct run *run, int ifindex)
{
	for (size_t i = 0; i < run->records->n; i++) {
		if (run->records->v[i].link->ifindex == ifindex)
			return run->records->v[i].link;
	}
	return NULL;
}

static const struct mh_link *link_of_op(const struct run *run, const struct mh_op *op)
{
	switch (op->kind) {
	case MH_KIND_NEXTHOP:
		return link_of_ifindex(run, op->nexthop->oif);
	case MH_KIND_ROUTE:
		return link_of_table(run, op->route->table);
	case MH_KIND_RULE:
		return link_of_table(run, op->rule->table);
	case MH_KIND_RP_FILTER:
	case MH_KIND_RA_DEFAULT:
		return link_of_ifindex(run, op->iface->ifindex);
	}
	return NULL;
}

static const char *consequence(const struct mh_op *op)
{
	switch (op->kind) {
	case MH_KIND_NEXTHOP:
		return "new traffic is not shared as asked";
	case MH_KIND_ROUTE:
		return op->route->table == MH_TABLE_MAIN ? "new traffic is not shared as asked"
							 : "the link's table is not complete";
	case MH_KIND_RULE:
		return "packets that it means do not take the link";
	case MH_KIND_RP_FILTER:
		if (op->iface->rp_filter != 2)
			return "it stays loose";
		return "strict rp_filter may drop packets of the link";
	case MH_KIND_RA_DEFAULT:
		if (op->iface->ra_default)
			return "router advertisements bring no default by the interface";
		return "router advertisements may bring a default that is not shared";
	}
	return "";
}

static int report_refusal(struct run *run, const struct mh_op *op, const struct refusal *refusal)
{
	const struct mh_link *link = link_of_op(run, op);
	const char *ifname = link ? link->ifname : NULL;
	const struct mh_result *result = &refusal->result;

	if (op->kind == MH_KIND_ROUTE && op->verb == MH_ADD && result->error == -EEXIST)
		return mh_report_problem(
			run->report, MH_PROBLEM_FOREIGN_ROUTE, ifname,
			"remove that route, or give the link another "
			"multihome-table",
			"table %u has a route that is not ours in place of \"%s\": "
			"packets that belong to the link follow that one",
			op->route->table, refusal->text);
	return mh_report_problem(run->report, MH_PROBLEM_REFUSED, ifname,
				 "when the cause is gone, run \"multihome reconcile\"",
				 "the kernel refused %c \"%s\": %s%s%s: %s", refusal->sign,
				 refusal->text, strerror(-result->error), *result->text ? ": " : "",
				 result->text, consequence(op));
}

/* Ops without those that were refused already; these are told at the end, if still wanted then. */
static int skip_refused(struct run *run, struct mh_diff *diff, bool tell)
{
	size_t kept = 0;
	int r = 0;

	if (!run->n_refusals)
		return 0;
	for (size_t i = 0; !r && i < diff->n; i++) {
		mh_cleanup(mh_freep) char *text = mh_op_text(&diff->ops[i], *run->snapshot);
		const struct refusal *refusal;

		if (!text)
			return -ENOMEM;
		refusal = find_refusal(run, verb_sign(diff->ops[i].verb), text);
		if (!refusal)
			diff->ops[kept++] = diff->ops[i];
		else if (tell)
			r = report_refusal(run, &diff->ops[i], refusal);
	}
	diff->n = kept;
	return r;
}

static int take_results(struct run *run, const struct mh_diff *diff,
			const struct mh_result *results)
{
	int r = 0;

	for (size_t i = 0; !r && i < diff->n; i++) {
		const struct mh_op *op = &diff->ops[i];
		char *text = mh_op_text(op, *run->snapshot);
		bool failed = is_failure(op, &results[i]);

		if (!text)
			return -ENOMEM;
		if (failed)
			r = note_refusal(run, op, text, &results[i]);
		else if (op->kind == MH_KIND_NEXTHOP)
			run->again |= forget_refusals(run, op->nexthop->id);
		if (!r)
			r = mh_report_change(run->report, verb_sign(op->verb), text,
					     failed ? results[i].error : 0);
		else
			free(text);
	}
	return r;
}

static bool all_denied(const struct mh_diff *diff, const struct mh_result *results)
{
	for (size_t i = 0; i < diff->n; i++) {
		if (results[i].error != -EPERM)
			return false;
	}
	return diff->n > 0;
}

/* @alone: these changes are all of the event, so that who may make none of them may make none */
static int apply(struct run *run, const struct mh_diff *diff, bool alone)
{
	mh_cleanup(mh_freep) struct mh_result *results = calloc(diff->n + 1, sizeof(*results));
	int r;

	if (!results)
		return -ENOMEM;
	r = run->kernel->ops->apply(run->kernel, diff->ops, diff->n, results);
	if (r < 0)
		return r;
	if (alone && all_denied(diff, results))
		return -EPERM;
	return take_results(run, diff, results);
}

static int report_dry_run(struct run *run, const struct mh_diff *diff)
{
	int r = 0;

	for (size_t i = 0; !r && i < diff->n; i++)
		r = mh_report_change(run->report, verb_sign(diff->ops[i].verb),
				     mh_op_text(&diff->ops[i], *run->snapshot), 0);
	return r;
}

static int snapshot_again(struct run *run)
{
	struct mh_state *state;
	int r = run->kernel->ops->snapshot(run->kernel, &state);

	if (r < 0)
		return r;
	mh_state_free(*run->snapshot);
	*run->snapshot = state;
	for (size_t i = 0; i < run->records->n; i++)
		mh_record_refresh(&run->records->v[i], state);
	return 0;
}

/* Return: 1 where nothing is left to do, 0 where another round is due, or negative errno. */
static int round_once(struct run *run, unsigned int flags, bool last)
{
	mh_cleanup(mh_state_freep) struct mh_state *plan = NULL;
	mh_cleanup(mh_diff_clear) struct mh_diff diff = { 0 };
	int r;

	mh_report_clear(&run->problems);
	r = mh_plan(run->records, *run->snapshot, &run->refused,
		    run->report ? &run->problems : NULL, &plan);
	if (!r)
		r = mh_diff(*run->snapshot, plan, &diff);
	if (!r && flags & MH_RECONCILE_DRY_RUN) {
		r = report_dry_run(run, &diff);
		return r ? r : 1;
	}
	if (!r)
		r = skip_refused(run, &diff, false);
	if (r < 0)
		return r;
	if (!diff.n && !run->n_refusals)
		return 1;
	run->again = false;
	if (!diff.n || last) {
		mh_diff_clear(&diff);
		r = mh_diff(*run->snapshot, plan, &diff);
		if (!r)
			r = skip_refused(run, &diff, true);
		return r ? r : 1;
	}
	r = apply(run, &diff, true);
	/* A refusal needs a last round also where all else went well: it is told only then. */
	return r < 0 ? r : !run->n_refusals && !run->again;
}

static int move_problems(struct run *run)
{
	int r = 0;

	if (!run->report)
		return 0;
	for (size_t i = 0; !r && i < run->problems.n_problems; i++) {
		r = mh_append(run->report->problems, run->report->n_problems,
			      run->problems.problems[i]);
		if (!r)
			run->problems.problems[i] = (struct mh_problem){ 0 };
	}
	return r;
}

int mh_reconcile_records(struct mh_kernel *kernel, struct mh_records *records,
			 struct mh_state **snapshot, unsigned int flags, struct mh_report *report)
{
	mh_cleanup(run_clear) struct run run = {
		.kernel = kernel,
		.records = records,
		.snapshot = snapshot,
		.report = report,
	};
	int r = 0;

	for (int i = 0; !r && i <= ROUNDS; i++) {
		r = i ? snapshot_again(&run) : 0;
		if (!r)
			r = round_once(&run, flags, i == ROUNDS);
	}
	if (r < 0)
		return r;
	return move_problems(&run);
}

int mh_reconcile_settings(struct mh_kernel *kernel, struct mh_op *ops, size_t n,
			  struct mh_state *snapshot, struct mh_report *report)
{
	struct mh_records none = { 0 };
	mh_cleanup(run_clear) struct run run = {
		.kernel = kernel,
		.records = &none,
		.snapshot = &snapshot,
		.report = report,
	};
	struct mh_diff diff = { .ops = ops, .n = n };
	int r = apply(&run, &diff, false);

	return r ? r : skip_refused(&run, &diff, true);
}
