"""From a model and a dataset to numbers: codes, scores, traversals, information, distances, comparisons of runs."""
