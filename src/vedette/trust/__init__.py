"""Trust: what proves who someone is. The seal over our secrets, the authority, the keys of agents.

And what people sign: the bytes of an action, their OpenPGP and SSH signatures, the trust bundle
that says what they weigh. No tables of its own and no database. An agent carries this room too, so
it leans on little: `cryptography`, `msgspec`, and `pysequoia` where a signature is OpenPGP's.
"""
