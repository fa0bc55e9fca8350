"""Vedette watches clusters and services, records, investigates, and tells the people who depend on them."""

__version__ = "0.1.0"
