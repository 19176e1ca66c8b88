/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The options that a peers file may have: their names, and how the text of a value becomes part of
 * a link. Nothing of pppd here.
 */

#include "multihome.h"

enum mh_option {
	MH_OPTION_TABLE,
	MH_OPTION_WEIGHT,
	MH_OPTION_METRIC,
	MH_OPTION_SOURCE,
	MH_OPTION_ROUTE,
	MH_OPTION_RULE,
	MH_OPTION_RP_FILTER,
	MH_OPTIONS,
};

/* Size of an error of mh_option_set() with its terminating zero. */
#define MH_OPTION_ERROR_SIZE 640

/* @repeatable: every occurrence adds to the link; else the last one counts */
struct mh_option_info {
	const char *name;
	const char *description;
	bool repeatable;
};
extern const struct mh_option_info mh_option_info[MH_OPTIONS];

/*
 * mh_option_set() - put the value of an option into a link
 * @value: as it stands in the file, without quotes
 * @error: set where the value is refused: one line that names option, value and what is accepted
 *
 * Return: 0, or a negative errno with @link as it was and @error set.
 */
int mh_option_set(struct mh_link *link, enum mh_option option, const char *value,
		  char error[MH_OPTION_ERROR_SIZE]);
