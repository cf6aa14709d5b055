"""What is written about a trained model: scores, pictures, files for other programs and a card to read."""

from zoo.runs.report._card import card as card
from zoo.runs.report._draw import draw_dataset as draw_dataset
from zoo.runs.report._draw import draw_traversals as draw_traversals
from zoo.runs.report._export import FORMS as FORMS
from zoo.runs.report._export import MEASURED as MEASURED
from zoo.runs.report._export import export_model as export_model
from zoo.runs.report._export import measured_images as measured_images
from zoo.runs.report._figures import live_rows as live_rows
from zoo.runs.report._figures import not_vital as not_vital
from zoo.runs.report._figures import pictures as pictures
from zoo.runs.report._figures import pixels as pixels
from zoo.runs.report._figures import save_figure as save_figure
from zoo.runs.report._figures import traversal_figure as traversal_figure
from zoo.runs.report._origin import commit as commit
from zoo.runs.report._origin import versions as versions
from zoo.runs.report._places import PICTURES as PICTURES
from zoo.runs.report._scores import details as details
from zoo.runs.report._scores import score as score
from zoo.runs.report._scores import write_scores as write_scores
