// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzes the reading of rt_tables, and look-ups in what was read: the input is a file, each of
 * whose lines then is looked up, too.
 */

#include <stdint.h>

#include "../../lib/tables.c"

#define DEMAND(condition)                 \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)

static void look_up(const struct mh_tables *tables, const char *text)
{
	uint32_t number = 0;
	uint8_t tos = 0;
	int r;

	r = mh_tables_parse(tables, text, &number);
	DEMAND(r || (number && (number < 253 || number > 255)));
	DEMAND(!r || r == -ENOENT || r == -ERANGE);
	find_dsfield(tables, text, &tos);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	mh_cleanup(mh_tables_clear) struct mh_tables tables = { 0 };
	mh_cleanup(close_file) FILE *file = NULL;
	mh_cleanup(mh_freep) char *text = strndup((const char *)data, size);
	char *save, *line;

	if (!size)
		return 0;
	file = fmemopen((void *)data, size, "r");
	DEMAND(!read_names(file, &tables));
	for (size_t i = 0; i < tables.n; i++) {
		const char *name = tables.v[i].name;

		DEMAND(*name && !strpbrk(name, " \t\n\r\v\f"));
		DEMAND(tables.v[i].number <= INT32_MAX);
		DEMAND(mh_tables_name(&tables, tables.v[i].number));
		look_up(&tables, name);
	}
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		look_up(&tables, line);
	return 0;
}
