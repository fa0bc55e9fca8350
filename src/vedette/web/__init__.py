"""What everyone sees: the public status page, the operators' pages, signing in.

No tables of its own: pages join the tables of every room in `reads.sql` and `told.sql` and write nothing.
Doors: `/`, `/incidents/ID`, `/history`, `/components/NAME`, `/maintenance`, `/availability`, `/preferences`, feeds
and badges (public), `/targets`, `/targets/NAME`, `/agents`, `/services`, `/services/SLUG`, `/images/DIGEST`,
`/advisories/NAME` and `/find` (scope `read`), signing in and out. Not a line of JavaScript: every page is whole as it
is served.
"""
