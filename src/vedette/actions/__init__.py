"""What we ask hosts: the asks of connectors, and signed actions.

Asks: `actions.ask` and `ask_part`; verbs `ask`, `ask_deliver`, `ask_settle`, `ask_hear`, `ask_expire`; their
answers are kept for minutes. The agent uses `model` and `rules` too.

Actions: `actions.action` (what people signed, as they signed it), `signature`, `denial`, `command` (one an agent),
`result` (to the letter what it answered), `bundle` and what it says (`investigator`, `group_member`, `minimum`,
`weight`), `module`. Verbs: `push_trust`, `launch`, `steer`, `deliver`, `settle`, `conclude` (a loop). Nouns:
`document` (what is signed), `target` (whom it means), `command` (on its way). `document*`, `target*` are used by
agents and clients as well: the agent believes no server, and the server no agent.

Doors: `api`, `trust_api`, `ask_api`; schema `mig` (`functions_mig*.sql`), MIG's tables as a contract; `spool`, MIG's
folder of files: `spool_take` hands in what was dropped, `spool_mirror` writes what the rows say.
"""
