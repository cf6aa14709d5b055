"""The explorer: a page on which people see what each latent does, served, or written as a static folder."""

from zoo.runs.explore._server import LOCAL as LOCAL
from zoo.runs.explore._server import Explorer as Explorer
from zoo.runs.explore._server import check_port as check_port
from zoo.runs.explore._server import serve as serve
from zoo.runs.explore._shown import SAMPLES as SAMPLES
from zoo.runs.explore._shown import Shown as Shown
from zoo.runs.explore._shown import load as load
from zoo.runs.explore._static import check as check
from zoo.runs.explore._static import write as write
