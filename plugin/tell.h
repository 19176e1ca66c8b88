/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the log and pppd's scripts are told of an event. @link, @asked: as the options say; what
 * became of it is in the report.
 */

#include "multihome.h"
#include "pppd-compat.h"

/*
 * Problems that the log has and that still were when last looked, as lines.
 * @v: owned, as are the strings
 */
struct mh_told {
	char **v;
	size_t n;
};

/* mh_tell_problems() - log what the log does not have yet; @r: the operation's result */
void mh_tell_problems(struct mh_told *told, const struct mh_link *link,
		      const struct mh_report *report, int r);

void mh_tell_changes(enum mh_pppd_level level, const struct mh_report *report);

/* mh_tell_up(), mh_tell_down() - one line, that the link is in use, or is so no more */
void mh_tell_up(const struct mh_link *asked, const struct mh_report *report);
void mh_tell_down(const struct mh_link *link, const struct mh_report *report);

/*
 * mh_tell_failure() - one line, that it is not
 * @r: negative errno
 * @seconds: until the next attempt; 0: there is none
 */
void mh_tell_failure(const struct mh_link *link, bool up, int r, unsigned int seconds,
		     const struct mh_report *report);

/* mh_tell_not_followed() - one line, that rules do not follow the addresses */
void mh_tell_not_followed(const struct mh_link *link, int r);

/* mh_tell_scripts() - set what ip-up and ip-down, which pppd starts after us, find (multihome(8))
 */
void mh_tell_scripts(const struct mh_link *asked, bool up, const struct mh_report *report);
void mh_tell_scripts_nothing(bool up);
