"""What the start needed is given back, and nothing that is still used is lost."""

import gc

from vedette.agent.memory import settle, untouched

SMAPS = """\
7f0000000000-7f0000200000 r-xp 00000000 08:01 1 /usr/lib/libclean.so
Rss:                 100 kB
Anonymous:             0 kB
7f0000200000-7f0000400000 r--p 00000000 08:01 1 /usr/lib/libsealed.so
Anonymous:            12 kB
7f0000400000-7f0000600000 rw-p 00000000 08:01 1 /usr/lib/libdata.so
Anonymous:             0 kB
7f0000600000-7f0000800000 r--p 00000000 00:00 0
Anonymous:             0 kB
7f0000800000-7f0000801000 r-xp 00000000 08:01 1 /usr/lib/libsmall.so
Anonymous:             0 kB
"""


def test_only_untouched_pages_of_files_are_let_go():
    assert untouched(SMAPS) == [(0x7F0000000000, 0x200000)]


def test_everything_still_works_afterwards():
    import decimal
    import ssl

    settle()
    settle()
    assert ssl.create_default_context().get_ciphers()
    assert decimal.Decimal("1.1") + 1 == decimal.Decimal("2.1")
    assert gc.isenabled()
