"""What follows by itself: one file a sentence "when …, then …", run alone in one transaction.

What crosses two capability rooms belongs here and nowhere else.
"""
