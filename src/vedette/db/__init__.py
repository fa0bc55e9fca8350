"""Where it is kept: the pool, named queries, migrations, LISTEN, locks, the embedded server.

PostgreSQL is married, not abstracted. `pool` and `queries` are what every room uses; `migrate`
brings a database up to date; `embedded` runs one from a wheel when nobody brings their own.
"""
