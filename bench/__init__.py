"""Measurements of the budgets: `make bench`, or `python -m bench NAME`. Nothing is switched off.

These are ratios and processor time wherever possible: a shared machine's wall clock says little.
"""
