"""Modules under the names of before the rooms were made: `import zoo.evaluation` gives `zoo.measure.evaluation`."""
