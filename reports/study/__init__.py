"""The report of a user study: what people preferred, how surely, and how people and metrics agree.

Votes come as the table that `reports.study.votes` describes. A **cell** is one pair of methods on
one data set: the share of votes for the method under test, as in the paper's Table 5.
"""
