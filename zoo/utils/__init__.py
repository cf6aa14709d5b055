"""The ground that every room stands on: names, checks, files, progress bars, the machine. It imports no other room."""
