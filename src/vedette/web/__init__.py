"""What everyone sees: the public status page, the operators' pages, signing in.

No tables of its own: pages join the tables of every room in `reads.sql` and write nothing. Doors:
`/` (public), `/targets`, `/targets/NAME` and `/agents` (scope `read`), `/sign-in`, `/sign-out`. Not a line of
JavaScript: every page is whole as it is served.
"""
