# SPDX-License-Identifier: LGPL-2.1-or-later
"""
What libmultihome exports is what multihome.h declares, no more and no less, and every function is
called in test-api.c.

  test-exports.py HEADER LIBRARY TEST-API
"""

import re
import subprocess
import sys


def declared(header):
    """Functions that the header declares: a name before a parenthesis, outside comments."""
    with open(header, encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    return set(re.findall(r"^\w[\w\s*]*?\b(mh_\w+)\(", text, flags=re.M))


def exported(library):
    nm = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True,
                        text=True).stdout
    names = {line.split()[-1].split("@")[0] for line in nm.splitlines()}
    return {name for name in names if not name.startswith("LIBMULTIHOME_")}


def called(source):
    with open(source, encoding="utf-8") as f:
        return set(re.findall(r"\b(mh_\w+)\(", f.read()))


def main(header, library, source):
    wanted, there, used = declared(header), exported(library), called(source)
    lists = {
        "declared and not exported": wanted - there,
        "exported and not declared": there - wanted,
        "not called in test-api.c": wanted - used,
    }
    print("1..1")
    for what, names in lists.items():
        if names:
            print(f"# {what}: {' '.join(sorted(names))}")
    bad = not wanted or any(lists.values())
    print("not ok 1 exports" if bad else "ok 1 exports")


main(*sys.argv[1:])
