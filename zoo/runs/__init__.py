"""Runs: from the names of a model and a dataset to a folder with everything that came of it, and to a preset."""

from zoo.runs.folder import KEPT_CHECKPOINTS as KEPT_CHECKPOINTS
from zoo.runs.folder import LOCK as LOCK
from zoo.runs.folder import NO_RUN as NO_RUN
from zoo.runs.folder import RESTORE as RESTORE
from zoo.runs.folder import Config as Config
from zoo.runs.folder import Diverged as Diverged
from zoo.runs.folder import alike as alike
from zoo.runs.folder import check_free as check_free
from zoo.runs.folder import check_there as check_there
from zoo.runs.folder import checkpoints as checkpoints
from zoo.runs.folder import default_folder as default_folder
from zoo.runs.folder import is_written as is_written
from zoo.runs.folder import load as load
from zoo.runs.folder import load_config as load_config
from zoo.runs.folder import open_folder as open_folder
from zoo.runs.folder import read_history as read_history
from zoo.runs.folder import restore as restore
from zoo.runs.folder import save as save
from zoo.runs.folder import save_checkpoint as save_checkpoint
from zoo.runs.folder import save_final as save_final
from zoo.runs.folder import write_history as write_history
from zoo.runs.folder import writing_to as writing_to
