"""What we tell people: incidents, maintenances, their updates, and what they cost in availability.

Tables: schema `incidents`. An incident is changed by one verb a file (`open`, `update`, `close` …), each
in one transaction and under one lock (`writes.hold`): the book is written by one hand at a time, so that
two reporters, a person and the automation never see half of each other's work. Each verb ends with
`writes.settle`, which makes the published past (`incidents.span`), the audit line, the outbox row and the
notice `vedette_incident`.

Doors: `events_api.py` and its neighbours (our own routes), `reporters_api.py` (what machines of other systems
post), the functions of `functions.sql`. Pages read by their own SQL.
"""
