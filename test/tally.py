# SPDX-License-Identifier: LGPL-2.1-or-later
"""Adds up what test/run's parts have counted, and names what failed or was skipped.

  tally.py FOLDER    FOLDER: *.xml in JUnit's form, and checks, a word a line
"""

import glob
import os
import sys
import xml.etree.ElementTree as ET


def main(folder):
    passed = failed = skipped = 0
    checks = os.path.join(folder, 'checks')
    if os.path.exists(checks):
        with open(checks) as f:
            words = f.read().split()
        passed += words.count('passed')
        failed += words.count('failed')
    for path in sorted(glob.glob(f'{folder}/*.xml')):
        cases = list(ET.parse(path).getroot().iter('testcase'))
        if not cases:
            print(f'{os.path.basename(path)}: no test was run')
            failed += 1
        for case in cases:
            name = f'{case.get("classname", "")} {case.get("name")}'
            if case.find('failure') is not None or case.find('error') is not None:
                print('failed: ', os.path.basename(path), name)
                failed += 1
            elif case.find('skipped') is not None:
                print('skipped:', os.path.basename(path), name,
                      case.find('skipped').get('message', ''))
                skipped += 1
            else:
                passed += 1
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
