/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The library's file operations with one thing going wrong at a time. The program must be linked
 * with the options that test/meson.build has for it, which lead these calls here (ld, --wrap).
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * @watched: count operations, and have them go wrong; else all is as ever
 * @changes: of operations only those count, and go wrong, that change something; where a process
 *   died instead of one that does not, it might as well have died of the next that does
 * @n_ops: operations asked for
 * @die_at: the process dies instead of this operation, counted from 1; 0: none
 * @die: what dying is. NULL: from there on nothing has an effect any more, see @dead
 * @dead: operations do nothing but to fail with ECANCELED. What the end of a process gives back,
 *   descriptors and locks, is still given back.
 * @fail_at: this operation is not carried out; 0: none
 * @error: with this errno, positive
 * @n_blocking: operations asked for that may block
 * @interrupt_at: of these, this one is interrupted; 0: none
 */
struct faulty_files {
	bool watched;
	bool changes;
	size_t n_ops;
	size_t die_at;
	void (*die)(void);
	bool dead;
	size_t fail_at;
	int error;
	size_t n_blocking;
	size_t interrupt_at;
};

/* There is one, as there is one file system. */
extern struct faulty_files faulty_files;
