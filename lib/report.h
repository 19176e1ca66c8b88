/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Filling in a struct mh_report. What is said in it is decided by those who find it out.
 */

#include "multihome.h"

/*
 * mh_report_problem() - append a problem
 * @report: may be NULL: nobody asked
 * @ifname: NULL: the host as a whole
 * @mend: NULL: nothing known
 * @format: of the text, as printf(3)
 *
 * Return: 0 or -ENOMEM.
 */
__attribute__((format(printf, 5, 6))) int mh_report_problem(struct mh_report *report,
							    enum mh_problem_code code,
							    const char *ifname, const char *mend,
							    const char *format, ...);

/* mh_report_change() - append a change; takes over @text, also on failure */
int mh_report_change(struct mh_report *report, char sign, char *text, int error);
