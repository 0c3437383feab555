"""The paper's tables: what it printed (`printed`), what is odd in it (`doubts`), ours beside it.

Printed and measured numbers never share a name or a column: what the paper says comes from
`printed` alone, what we say from `reports.tables.summarize` alone.
"""
