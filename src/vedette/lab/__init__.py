"""Throw-away targets to try Vedette on: `vedette lab start redis`.

Each is a folder `lab/NAME` of the data directory, with the program's files, its log and what is known
of it (`lab.json`). The programs run on after the command has ended, on free ports of 127.0.0.1 and
without root's rights; `vedette lab stop` ends them and removes the folder. Nothing here is for data one wants
to keep.
"""
