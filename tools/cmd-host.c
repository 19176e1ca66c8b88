// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * multihome reconcile, flush and check: what is done to the host as a whole.
 */

#include <string.h>

#include "command.h"
#include "terminal.h"

static int print_changes(const struct mh_report *report)
{
	int exit = MH_EXIT_DONE;

	for (size_t i = 0; i < report->n_changes; i++) {
		const struct mh_change *change = &report->changes[i];

		printf("%c %s%s%s\n", change->sign, change->text,
		       change->error ? ": refused: " : "",
		       change->error ? strerror(-change->error) : "");
		if (change->error)
			exit = MH_EXIT_FAILED;
	}
	return exit;
}

static int run_reconcile(struct mh_context *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		MH_COMMON_OPTIONS,
		{ "dry-run", no_argument, NULL, 'n' },
		{ 0 },
	};
	mh_cleanup(mh_report_clear) struct mh_report report = MH_REPORT_INIT;
	unsigned int flags = 0;
	int r, c, refused;

	while ((c = mh_next_option(ctx, argc, argv, options, &r)) != -1) {
		if (c == 'n')
			flags |= MH_RECONCILE_DRY_RUN;
	}
	if (r >= 0)
		return r;
	if (argc != optind)
		return mh_usage(ctx, "%s: nothing accepted there", argv[optind]);
	r = mh_context_open(ctx);
	if (r)
		return r;
	r = mh_reconcile(ctx->host, flags, &report);
	refused = print_changes(&report);
	fflush(stdout);
	r = mh_finish(ctx, NULL, r, &report);
	return r ? r : refused;
}

const struct mh_command mh_cmd_reconcile = {
	.name = "reconcile",
	.synopsis = "[--dry-run]",
	.summary = "Make the kernel have what the links on record call for",
	.help = "  --dry-run  change nothing, only say what would be changed\n"
		"\n"
		"Prints one line an object: + added, ~ replaced in place, - removed.\n",
	.run = run_reconcile,
};

/* For commands that take no arguments. Return: MH_EXIT_* to end with, or negative to go on. */
static int no_arguments(struct mh_context *ctx, int argc, char **argv)
{
	static const struct option options[] = { MH_COMMON_OPTIONS, { 0 } };
	int r;

	while (mh_next_option(ctx, argc, argv, options, &r) != -1)
		;
	if (r >= 0)
		return r;
	if (argc != optind)
		return mh_usage(ctx, "%s: nothing accepted there", argv[optind]);
	r = mh_context_open(ctx);
	return r ? r : -1;
}

static int run_flush(struct mh_context *ctx, int argc, char **argv)
{
	mh_cleanup(mh_report_clear) struct mh_report report = MH_REPORT_INIT;
	int r = no_arguments(ctx, argc, argv);

	if (r >= 0)
		return r;
	r = mh_flush(ctx->host, &report);
	return mh_finish(ctx, NULL, r, &report);
}

const struct mh_command mh_cmd_flush = {
	.name = "flush",
	.synopsis = "",
	.summary = "Take away all rules, routes and nexthops of ours, and nothing else",
	.help = "The links stay on record: multihome reconcile brings all of it back.\n",
	.run = run_flush,
};

static int run_check(struct mh_context *ctx, int argc, char **argv)
{
	mh_cleanup(mh_report_clear) struct mh_report report = MH_REPORT_INIT;
	int r = no_arguments(ctx, argc, argv);

	if (r >= 0)
		return r;
	r = mh_check(ctx->host, NULL, &report);
	if (r < 0) {
		mh_report_clear(&report);
		return mh_finish(ctx, NULL, r, &report);
	}
	(void)mh_show_problems(stdout, &report, NULL);
	if (!report.n_problems)
		puts("nothing found");
	return report.n_problems ? MH_EXIT_FAILED : MH_EXIT_DONE;
}

const struct mh_command mh_cmd_check = {
	.name = "check",
	.synopsis = "",
	.summary = "Find what breaks multihoming on this host, and say the mend",
	.help = "Changes nothing. Exit status 1 where there is any finding.\n",
	.run = run_check,
};
