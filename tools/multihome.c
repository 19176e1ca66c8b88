// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The multihome command: finds the subcommand, and says how things are called. What a subcommand
 * does is in its cmd-*.c.
 */

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

/* Patience of a person, in ms. */
#define DEADLINE_MSECS 5000

static const struct mh_command *const commands[] = {
	&mh_cmd_status,	   &mh_cmd_up,	    &mh_cmd_down,  &mh_cmd_weight, &mh_cmd_source,
	&mh_cmd_reconcile, &mh_cmd_explain, &mh_cmd_check, &mh_cmd_flush,
};

static void print_help(FILE *file)
{
	fputs("usage: multihome [--run-dir DIR] COMMAND [ARGUMENT]...\n"
	      "       multihome --help | --version | COMMAND --help\n"
	      "\n"
	      "Several Internet links on one host, each with its share of the traffic.\n"
	      "\n",
	      file);
	for (size_t i = 0; i < MH_ARRAY_SIZE(commands); i++)
		fprintf(file, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\nExit status: 0 done, 1 failed, 2 wrong arguments. More in multihome(8).\n", file);
}

void mh_print_command_help(FILE *file, const struct mh_command *command)
{
	fprintf(file, "usage: multihome %s%s%s\n\n%s.\n%s%s", command->name,
		*command->synopsis ? " " : "", command->synopsis, command->summary,
		*command->help ? "\n" : "", command->help);
}

int mh_usage(const struct mh_context *ctx, const char *format, ...)
{
	const char *name = ctx->command ? ctx->command->name : NULL;
	va_list args;

	fprintf(stderr, "multihome%s%s: ", name ? " " : "", name ? name : "");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; see multihome %s%s--help\n", name ? name : "", name ? " " : "");
	return MH_EXIT_USAGE;
}

/* getopt_long() names neither the subcommand nor what would be accepted, so it is kept quiet. */
static int wrong_option(const struct mh_context *ctx, int c, char **argv)
{
	const char *word = argv[optind - 1];

	if (c == ':')
		return mh_usage(ctx, "%s needs a value", word);
	if (optopt && optopt < MH_OPTION_RUN_DIR)
		return mh_usage(ctx, "-%c is no option here", optopt);
	return mh_usage(ctx, "%s is no option here", word);
}

int mh_next_option(struct mh_context *ctx, int argc, char **argv, const struct option *options,
		   int *ret_exit)
{
	int c;

	*ret_exit = -1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ctx->command ? ":h" : "+:h", options, NULL)) != -1) {
		switch (c) {
		case MH_OPTION_RUN_DIR:
			if (*optarg != '/') {
				*ret_exit = mh_usage(ctx, "--run-dir %s: absolute path accepted",
						     optarg);
				return -1;
			}
			ctx->run_dir = optarg;
			continue;
		case 'h':
			if (ctx->command)
				mh_print_command_help(stdout, ctx->command);
			else
				print_help(stdout);
			*ret_exit = MH_EXIT_DONE;
			return -1;
		case '?':
		case ':':
			*ret_exit = wrong_option(ctx, c, argv);
			return -1;
		}
		return c;
	}
	return -1;
}

int mh_context_open(struct mh_context *ctx)
{
	int r = mh_host_open(ctx->run_dir, &ctx->host);

	if (r < 0) {
		fprintf(stderr, "multihome: %s\n", strerror(-r));
		return MH_EXIT_FAILED;
	}
	mh_host_set_deadline(ctx->host, DEADLINE_MSECS);
	return MH_EXIT_DONE;
}

static const struct mh_command *find_command(const char *name)
{
	for (size_t i = 0; i < MH_ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	}
	return NULL;
}

static int run(struct mh_context *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		MH_COMMON_OPTIONS,
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	const struct mh_command *command;
	int r, c;

	while ((c = mh_next_option(ctx, argc, argv, options, &r)) != -1) {
		if (c == 'V') {
			puts("multihome " MH_VERSION);
			return MH_EXIT_DONE;
		}
	}
	if (r >= 0)
		return r;
	if (optind == argc) {
		print_help(stderr);
		return MH_EXIT_USAGE;
	}
	command = find_command(argv[optind]);
	if (!command)
		return mh_usage(ctx, "%s is no command", argv[optind]);
	ctx->command = command;
	argc -= optind;
	argv += optind;
	optind = 0; /* glibc: begin anew */
	return command->run(ctx, argc, argv);
}

int main(int argc, char **argv)
{
	struct mh_context ctx = { 0 };
	int r;

	setlocale(LC_CTYPE, "");
	r = run(&ctx, argc, argv);
	mh_host_close(ctx.host);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "multihome: cannot write: %s\n", strerror(errno));
		return MH_EXIT_FAILED;
	}
	return r;
}
