/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What diff.c (operations in their order) and diff-rules.c (which rules) have in common. For these
 * only.
 */

#include "diff.h"

/* Our rules of a state, in the order of evaluation. */
struct mh_rules {
	const struct mh_rule **v;
	size_t n;
};

/*
 * What becomes of our rules: @add in order of evaluation, @del likewise.
 *
 * The kernel puts a rule behind those of the same preference. So among these the first rule that
 * is missing, and all that are to follow it, are added anew, and those that stood there before are
 * deleted: of the rules that a deletion can hit, the kernel deletes the first. In order of
 * evaluation each deletion hits its own rule, as long as none that stays could be hit.
 */
struct mh_rule_changes {
	struct mh_rules add;
	struct mh_rules del;
};
void mh_rule_changes_clear(struct mh_rule_changes *changes);

/* mh_diff_rules() - @ret: to be cleared also on failure. Return: 0 or -ENOMEM. */
int mh_diff_rules(const struct mh_state *snapshot, const struct mh_state *plan,
		  struct mh_rule_changes *ret);
