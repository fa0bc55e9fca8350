"""HTTP manners, the same on every route: problems, pages, ETags, limits, request ids, permissions.

The room knows no other room: `app/http.py` hands it the table of URLs and the way to a token's
owner. No tables.
"""
