"""The `zoo` command: parses, calls one function of the package, prints what came of it.

Exit codes: 0 done, 1 training diverged or a metric failed, 2 bad input, 130 interrupted.
Commands are listed in the order of these imports, which is that of the work.
"""

from zoo.cli import work as work  # isort: split

from zoo.cli import explore as explore  # isort: split

from zoo.cli import study as study  # isort: split

from zoo.cli import portable as portable  # isort: split

from zoo.cli import give as give  # isort: split

from zoo.cli._command import main as main
