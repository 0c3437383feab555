"""The report of a user study: preferences with intervals, and agreement of metrics with people.

`wespe_bench.study` builds and serves a study and stores its votes; this package reads them.
Votes come as the table that `reports.study.votes` describes. A **cell** is one pair of methods on
one data set: the share of votes for the method under test, as in the paper's Table 5.
"""
