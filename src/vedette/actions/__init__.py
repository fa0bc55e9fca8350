"""What we ask hosts: commands that a target's connector declares, and what comes back.

Tables: `actions.ask` (a row a command: ready, inflight, returned, done), `actions.ask_part` (pieces of
its answer, kept for minutes). Doors: `ask` (one asks, and hears the answer on whichever server one is),
`deliver` and `settle` (for whoever holds the agent's stream), `expire` (a loop), `api`.
The agent uses `model` and `rules` too: it believes no server, and the server no agent.
"""
