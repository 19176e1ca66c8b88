/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * multihome status --json.
 */

#include "multihome.h"

/* mh_status_json() - to stdout; @only: name of the one link to show, NULL: all. Return: MH_EXIT_*.
 */
int mh_status_json(const struct mh_status *status, const char *only);
