"""What others show of our status: feeds, badges, a summary to embed, and Statuspage's documents.

Everything here is public and reads by `reads.sql`, which knows only what everyone may.
"""
