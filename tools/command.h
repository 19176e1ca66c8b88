/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The parts of the multihome command and what they share. Only multihome.h of the library is used
 * here: what the command cannot do through it, the library lacks.
 */

#include <getopt.h>
#include <stdio.h>

#include "multihome.h"

#define MH_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define mh_cleanup(fn) __attribute__((cleanup(fn)))

enum {
	MH_EXIT_DONE = 0,
	MH_EXIT_FAILED = 1,
	MH_EXIT_USAGE = 2,
};

struct mh_context;

/*
 * A subcommand.
 * @synopsis: what follows its name
 * @summary: one line
 * @help: what --help says beyond that; lines with their ends
 * @run: @argv[0] is its name. Return: MH_EXIT_*.
 */
struct mh_command {
	const char *name;
	const char *synopsis;
	const char *summary;
	const char *help;
	int (*run)(struct mh_context *ctx, int argc, char **argv);
};

extern const struct mh_command mh_cmd_check;
extern const struct mh_command mh_cmd_down;
extern const struct mh_command mh_cmd_explain;
extern const struct mh_command mh_cmd_flush;
extern const struct mh_command mh_cmd_reconcile;
extern const struct mh_command mh_cmd_source;
extern const struct mh_command mh_cmd_status;
extern const struct mh_command mh_cmd_up;
extern const struct mh_command mh_cmd_weight;

/* One run of the program. @host: NULL until mh_context_open() */
struct mh_context {
	const struct mh_command *command;
	const char *run_dir;
	struct mh_host *host;
};

/* mh_context_open() - make @ctx->host, after the options. Return: MH_EXIT_DONE or another. */
int mh_context_open(struct mh_context *ctx);

/* What every command understands; -h and MH_OPTION_RUN_DIR go to mh_common_option(). */
enum {
	MH_OPTION_RUN_DIR = 256,
	MH_OPTION_FIRST
};
#define MH_COMMON_OPTIONS                                             \
	{ "help", no_argument, NULL, 'h' },                           \
	{                                                             \
		"run-dir", required_argument, NULL, MH_OPTION_RUN_DIR \
	}

/*
 * mh_next_option() - getopt_long() that deals with the common options and with unknown ones
 * @ret_exit: set where -1 is returned: MH_EXIT_* to end with, or negative to go on
 */
int mh_next_option(struct mh_context *ctx, int argc, char **argv, const struct option *options,
		   int *ret_exit);

/* mh_usage() - say what is wrong with the arguments. Return: MH_EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int mh_usage(const struct mh_context *ctx, const char *format,
						   ...);

/* mh_print_command_help() - all about one command */
void mh_print_command_help(FILE *file, const struct mh_command *command);

/* mh_parse_number() - decimal, or with 0x hexadecimal, 0..@max. Return: 0 or -EINVAL. */
int mh_parse_number(const char *text, uint64_t max, uint64_t *ret);

/*
 * mh_read_prefix() - a prefix among the arguments
 * @before: what stands before it in the complaint, such as "--source "; may be empty
 *
 * Return: 0, or MH_EXIT_USAGE with the complaint made.
 */
int mh_read_prefix(const struct mh_context *ctx, const char *before, const char *text,
		   struct mh_prefix *ret);

/* mh_print_refused() - one line on what is refused because the link is gone, if anything is */
void mh_print_refused(FILE *file, const struct mh_link_status *status);

static inline void mh_status_freep(struct mh_status **status)
{
	mh_status_free(*status);
}

/*
 * mh_is_meant() - is what concerns @ifname to be shown?
 * @ifname: empty: the host as a whole, which is always meant
 * @only: the one link that was asked about; NULL: all
 */
bool mh_is_meant(const char *ifname, const char *only);

/* mh_print_problems() - to stderr, one line each */
void mh_print_problems(const struct mh_report *report);

/*
 * mh_finish() - say the outcome of an operation on the host
 * @ifname: NULL: the host as a whole
 * @r: the operation's result
 *
 * Return: MH_EXIT_DONE or MH_EXIT_FAILED.
 */
int mh_finish(const struct mh_context *ctx, const char *ifname, int r,
	      const struct mh_report *report);
