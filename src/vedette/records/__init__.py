"""What we know of services: vulnerabilities, validations, SLO values, deployments, with their history.

A *document* is what a scanner, an operator or a pipeline wrote; a *kind* (`kinds/`, entry point group
`vedette.kinds`) reads it into the nouns of `model.py` and refuses what it cannot understand whole.
Documents come in *snapshots*: opened, filled, closed, and nothing of one is seen before it is closed
(`snapshots.py`). Until then each document lies as it was read in `records.staged`, so that many writers
at once meet nobody; closing merges all of them in a few statements whatever their size (`merge.py`).

Tables: what is scanned and where it runs (`subject`, `presence`), what was found (`package`, `advisory`,
`finding` with the days it was seen), each look (`scan`, `report`), checks of workloads (`validation`),
values of SLOs, deployments and their commits, what others say of advisories (`kev`, `epss`, `statement`).

Doors: `apply` and `get` of the command line, Dash.DB's REST protocol, our own REST, Grafana's functions.
"""
