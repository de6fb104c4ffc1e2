"""Small tables that follow from the log, so that questions over all of it need not read all of it.

The log is projected in windows of WINDOW entries, each once it is complete, each as a function of its own rows
alone: the same log gives the same projections, however it came in and however often it is built again. A
reader unites the parts of all windows with the rows behind the newest (`projected_end`), so that answers
are those of the rows themselves, at once and exactly. Where there are no projections (an older store, a
reader who may see some rows only) all rows are read.
"""
