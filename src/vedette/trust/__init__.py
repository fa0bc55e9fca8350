"""Trust: what proves who someone is. The seal over our secrets, the authority, the keys of agents.

No tables of its own and no database. An agent carries this room too, so it leans on nothing but
`cryptography`.
"""
