"""How Vedette starts and stops: the command tree, the settings, every URL, every loop.

`main` is thin, `tree` is the command line, `settings` the YAML file, `serve` the server as a value,
`up` the server with its database and a local agent, `http` every URL with its permission, `loops`
everything that runs by the clock. The room has no tables but writes `health.loop`.
"""
